#include "optimizers/optimizer.h"

#include <array>

namespace gradloom {

Optimizer::Optimizer(const Spec& spec, double weight_decay)
    : kind_(spec.string("kind")),
      learning_rate_(spec.number("learningRate")),
      weight_decay_(static_cast<float>(weight_decay)) {}

namespace {

// Calls action(arguments) for each row.
template <class Action>
void for_each_row(const RowUpdateArguments& args, int64_t state_width, Action action) {
  std::array<float*, kMostStates> states{};
  for (int64_t i = 0; i < args.count; ++i) {
    const int64_t row = args.rows[i];
    for (size_t s = 0; s < args.state_count; ++s) states.at(s) = args.states[s] + row * state_width;
    action(UpdateArguments{.count = args.width,
                           .weight = args.table + row * args.width,
                           .gradient = args.gradient == nullptr ? nullptr : args.gradient + i * args.width,
                           .states = states.data(),
                           .step = args.step,
                           .learning_rate = args.learning_rate,
                           .weight_decay = args.weight_decay,
                           .shape = {1, args.width}});
  }
}

}  // namespace

GradientCheck Optimizer::update_rows(const RowUpdateArguments& args) const {
  bool finite = true;
  for_each_row(args, granularity() == Granularity::kRow ? 1 : args.width, [&](const UpdateArguments& row) {
    finite &= update(row) == GradientCheck::kFinite;
    adopt(row);
  });
  return finite ? GradientCheck::kFinite : GradientCheck::kNotFinite;
}

void Optimizer::settle_rows(const RowUpdateArguments& args) const {
  for_each_row(args, args.width, [&](const UpdateArguments& row) { settle(row); });
}

}  // namespace gradloom
