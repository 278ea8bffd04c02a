#include "training/plan/plan_pool.h"

#include <algorithm>

#include "common/parallel.h"

namespace gradloom {

PlanPool::PlanPool() : PlanPool(4, resolve_threads(0)) {}

std::unique_ptr<Plan> PlanPool::take(const std::shared_ptr<const Architecture>& architecture,
                                     const PlanOptions& options) {
  {
    const std::lock_guard guard(mutex_);
    const auto found = std::find_if(plans_.rbegin(), plans_.rend(), [&](const auto& plan) {
      return plan->batch() == options.batch && plan->threads() == options.threads;
    });
    if (found != plans_.rend()) {
      std::unique_ptr<Plan> plan = std::move(*found);
      plans_.erase(std::next(found).base());
      return plan;
    }
  }
  return std::make_unique<Plan>(architecture, options);
}

void PlanPool::give_back(std::unique_ptr<Plan> plan) {
  plan->forget_prepared();
  const std::lock_guard guard(mutex_);
  if (plans_.size() >= kept_) plans_.erase(plans_.begin());
  plans_.push_back(std::move(plan));
}

int64_t PlanPool::prepared_floats() {
  const std::lock_guard guard(mutex_);
  int64_t floats = 0;
  for (auto plan = plans_.begin(); plan != plans_.end(); ++plan) {
    floats += (*plan)->prepared_floats({plans_.begin(), plan});
  }
  return floats;
}

}  // namespace gradloom
