// What losses share that compare each output with a value of its own and take the mean over a sample's outputs.
#pragma once

#include "losses/loss.h"

namespace gradloom {

// One output's part: its value and dvalue/doutput.
struct LossTerm {
  double value;
  double slope;
};

// Loss::compute for a sample's loss of (1 / C) * sum over its outputs of term(output, target, column).value.
template <class Term>
double sum_of_terms(const LossArguments& args, Term&& term) {
  const auto columns = static_cast<double>(args.columns);
  double total = 0;
  for (int64_t row = 0; row < args.rows; ++row) {
    const double weight = args.targets.weight(row);
    const double scale = weight * args.scale / columns;
    double sum = 0;
    for (int64_t column = 0; column < args.columns; ++column) {
      const int64_t i = row * args.columns + column;
      const LossTerm at =
          term(static_cast<double>(args.outputs[i]), static_cast<double>(args.targets.values[i]), column);
      sum += at.value;
      if (args.gradient != nullptr) args.gradient[i] = static_cast<float>(at.slope * scale);
    }
    total += weight * sum;
  }
  return total / columns;
}

class ElementwiseLoss : public Loss {
 public:
  using Loss::Loss;

  TargetKind target_kind() const final { return TargetKind::kValues; }
};

}  // namespace gradloom
