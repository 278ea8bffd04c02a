#include "training/gradient_sinks.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace gradloom {
namespace {

GradientCheck assign(int64_t count, const float* values, float* target) {
  std::copy_n(values, count, target);
  const bool finite = std::all_of(values, values + count, [](float v) { return std::isfinite(v); });
  return finite ? GradientCheck::kFinite : GradientCheck::kNotFinite;
}

}  // namespace

GradientCheck update_parameter(Learner& learner, int parameter, int64_t first, int64_t count, const float* gradient,
                               uint64_t step) {
  constexpr size_t kMostStates = 4;
  const auto& updated = learner.network().architecture().parameters()[static_cast<size_t>(parameter)];
  const int64_t offset = updated.offset + first;
  if (updated.role == ParameterRole::kStatistic) return assign(count, gradient, learner.network().weights() + offset);
  std::array<float*, kMostStates> states{};
  for (size_t i = 0; i < learner.optimizer().states().size(); ++i) states.at(i) = learner.state(i) + offset;
  return learner.optimizer().update(
      {count, learner.network().weights() + offset, gradient, states.data(), step, learner.rate_scale});
}

void UpdatingSink::complete(int parameter, int64_t first, int64_t count, const float* gradient) {
  const GradientCheck check =
      update_parameter(learner_, first_parameter_ + parameter, first, count, gradient, learner_.steps + 1);
  if (check == GradientCheck::kNotFinite) not_finite_.store(true, std::memory_order_relaxed);
}

float* BufferingSink::target(int parameter, int64_t first, float* /*scratch*/) {
  return gradients_ + architecture_.parameters()[static_cast<size_t>(first_parameter_ + parameter)].offset + first;
}

void BufferingSink::complete_rows(int parameter, const RowGradients& rows) {
  for (int64_t i = 0; i < rows.count; ++i) {
    std::copy_n(rows.values + i * rows.width, rows.width, target(parameter, rows.rows[i] * rows.width, nullptr));
  }
}

}  // namespace gradloom
