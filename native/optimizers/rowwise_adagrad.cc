#include "optimizers/rowwise_adagrad.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace gradloom {
namespace {

// Sums in the order that the header tells; r = sign g + decay w.
float sum_of_squares(const float* gradient, const float* weight, int64_t width, float sign, float decay) {
  std::array<float, 8> sums{};
  int64_t j = 0;
  for (; j + 8 <= width; j += 8) {
    for (int64_t k = 0; k < 8; ++k) {
      const float r = sign * gradient[j + k] + decay * weight[j + k];
      sums[static_cast<size_t>(k)] += r * r;
    }
  }
  for (int64_t k = 0; j + k < width; ++k) {
    const float r = sign * gradient[j + k] + decay * weight[j + k];
    sums[static_cast<size_t>(k)] += r * r;
  }
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

}  // namespace

RowwiseAdagrad::RowwiseAdagrad(const Spec& spec)
    : Optimizer(spec, spec.number("weightDecay")),
      rule_{.initial_accumulator = spec.number("initialAccumulator"),
            .epsilon = static_cast<float>(spec.number("epsilon")),
            .decoupled = spec.string("weightDecayMode") == "decoupled",
            .maximize = spec.string("direction") == "maximize"} {}

std::vector<StateSpec> RowwiseAdagrad::states(const Shape& parameter) const {
  return {{"accumulator", static_cast<float>(rule_.initial_accumulator), Shape{rows_of(parameter)}}};
}

std::string RowwiseAdagrad::objection_to_rows(float decay) const {
  return decay == 0 ? "" : "weightDecay pulls at all of them in every step; leave it out";
}

GradientCheck RowwiseAdagrad::update(const UpdateArguments& args) const {
  const int64_t rows = rows_of(args.shape);
  const int64_t width = args.count / rows;
  const auto rate = static_cast<float>(args.learning_rate);
  const float sign = rule_.maximize ? -1.0F : 1.0F;
  const float coupled = rule_.decoupled ? 0.0F : args.weight_decay;
  bool finite = true;
  for (int64_t row = 0; row < rows; ++row) {
    const float* gradient = args.gradient + row * width;
    float* weight = args.weight + row * width;
    float& s = args.states[0][row];
    s += sum_of_squares(gradient, weight, width, sign, coupled) / static_cast<float>(width);
    const float row_rate = rate / (std::sqrt(s) + rule_.epsilon);
    // Not a factor 1 - rate decay: its rounding would add up over the steps.
    const float shrink = (rule_.decoupled ? rate : row_rate) * args.weight_decay;
    for (int64_t j = 0; j < width; ++j) {
      weight[j] = (weight[j] - shrink * weight[j]) - row_rate * (sign * gradient[j]);
      finite &= std::isfinite(weight[j]);
    }
  }
  return finite ? GradientCheck::kFinite : GradientCheck::kNotFinite;
}

void RowwiseAdagrad::effective_rates(const UpdateArguments& args, float* rates) const {
  const int64_t rows = rows_of(args.shape);
  const int64_t width = args.count / rows;
  for (int64_t row = 0; row < rows; ++row) {
    const float rate = static_cast<float>(args.learning_rate) / (std::sqrt(args.states[0][row]) + rule_.epsilon);
    std::fill_n(rates + row * width, width, rate);
  }
}

}  // namespace gradloom
