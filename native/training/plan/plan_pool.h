// Plans that a network's passes left behind, so that the next ones do not pay for plans.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "training/plan/plan.h"

namespace gradloom {

class PlanPool {
 public:
  // Keeps plans of so many sizes of batches, and one for each of the threads that work by themselves.
  PlanPool(int sizes, int threads) : kept_(static_cast<size_t>(sizes + threads)) {}
  // For calls of some sizes, by as many threads as there are processors.
  PlanPool();

  std::unique_ptr<Plan> take(const std::shared_ptr<const Architecture>& architecture, const PlanOptions& options);
  void give_back(std::unique_ptr<Plan> plan);

  // Floats that layers make of their weights for the plans that are kept, each kernel's once.
  int64_t prepared_floats();

 private:
  const size_t kept_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Plan>> plans_;  // the most recently used last
};

}  // namespace gradloom
