#include "optimizers/optimizer.h"

#include <array>

namespace gradloom {

Optimizer::Optimizer(const Spec& spec, double weight_decay)
    : kind_(spec.string("kind")),
      learning_rate_(spec.number("learningRate")),
      weight_decay_(static_cast<float>(weight_decay)) {}

GradientCheck Optimizer::update_rows(const RowUpdateArguments& args) const {
  const int64_t state_width = granularity() == Granularity::kRow ? 1 : args.width;
  std::array<float*, kMostStates> states{};
  bool finite = true;
  for (int64_t i = 0; i < args.count; ++i) {
    const int64_t row = args.rows[i];
    for (size_t s = 0; s < args.state_count; ++s) states.at(s) = args.states[s] + row * state_width;
    finite &= update({.count = args.width,
                      .weight = args.table + row * args.width,
                      .gradient = args.gradient + i * args.width,
                      .states = states.data(),
                      .step = args.step,
                      .learning_rate = args.learning_rate,
                      .weight_decay = args.weight_decay,
                      .shape = {1, args.width}}) == GradientCheck::kFinite;
  }
  return finite ? GradientCheck::kFinite : GradientCheck::kNotFinite;
}

}  // namespace gradloom
