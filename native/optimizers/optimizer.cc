#include "optimizers/optimizer.h"

#include <array>

#include "common/error.h"
#include "common/relaxed.h"

namespace gradloom {

namespace {

Duplicates read_duplicates(const Spec& spec) {
  if (!spec.has("duplicates")) return Duplicates::kSum;
  const std::string& name = spec.string("duplicates");
  if (name == "sum") return Duplicates::kSum;
  if (name == "sequential") return Duplicates::kSequential;
  if (name == "hogwild") return Duplicates::kHogwild;
  throw Error("INVALID_SPEC", "duplicates \"" + name + "\" does not exist");
}

// Calls action(arguments) for each row, while rows a few ahead, and their states, are on their way.
template <class Action>
void for_each_row(const RowUpdateArguments& args, int64_t state_width, Action action) {
  std::array<float*, kMostStates> states{};
  const int64_t ahead = args.width == 1 ? 16 : 8;
  with_prefetch(args.from_memory, [&](auto line) {
    for (int64_t i = 0; i < args.count; ++i) {
      args.prefetch(i + ahead, state_width, line);
      for (size_t s = 0; s < args.state_count; ++s) states.at(s) = args.state_of(s, i, state_width);
      action(UpdateArguments{.count = args.width,
                             .weight = args.weights_of(i),
                             .gradient = args.gradient == nullptr ? nullptr : args.gradient + i * args.width,
                             .states = states.data(),
                             .step = args.step,
                             .learning_rate = args.learning_rate,
                             .weight_decay = args.weight_decay,
                             .shape = {1, args.width}});
    }
  });
}

// Calls action(arguments) for a copy of a row and its states in `room`, which goes back behind it.
template <class Action>
void with_copy(const UpdateArguments& row, size_t state_count, int64_t state_width, float* room, Action action) {
  std::array<float*, kMostStates> states{};
  UpdateArguments copy = row;
  copy.weight = room;
  copy.states = states.data();
  load_relaxed(row.weight, row.count, copy.weight);
  for (size_t s = 0; s < state_count; ++s) {
    states.at(s) = room + row.count + static_cast<int64_t>(s) * state_width;
    load_relaxed(row.states[s], state_width, states.at(s));
  }
  action(copy);
  store_relaxed(copy.weight, row.count, row.weight);
  for (size_t s = 0; s < state_count; ++s) store_relaxed(states.at(s), state_width, row.states[s]);
}

}  // namespace

Optimizer::Optimizer(const Spec& spec, double weight_decay)
    : kind_(spec.string("kind")),
      learning_rate_(spec.number("learningRate")),
      weight_decay_(static_cast<float>(weight_decay)),
      duplicates_(read_duplicates(spec)) {}

GradientCheck Optimizer::update_rows(const RowUpdateArguments& args) const {
  bool finite = true;
  const int64_t state_width = granularity() == Granularity::kRow ? 1 : args.width;
  const auto update_row = [&](const UpdateArguments& row) {
    finite &= update(row) == GradientCheck::kFinite;
    adopt(row);
  };
  for_each_row(args, state_width, [&](const UpdateArguments& row) {
    if (args.hogwild()) {
      with_copy(row, args.state_count, state_width, args.hogwild_buffer, update_row);
    } else {
      update_row(row);
    }
  });
  return finite ? GradientCheck::kFinite : GradientCheck::kNotFinite;
}

void Optimizer::settle_rows(const RowUpdateArguments& args) const {
  for_each_row(args, args.width, [&](const UpdateArguments& row) { settle(row); });
}

}  // namespace gradloom
