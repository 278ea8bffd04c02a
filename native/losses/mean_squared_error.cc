#include "losses/mean_squared_error.h"

namespace gradloom {

double MeanSquaredError::compute(const LossArguments& args) const {
  const int64_t count = args.rows * args.columns;
  const double scale = 2.0 * args.scale / static_cast<double>(args.columns);
  double total = 0;
  for (int64_t i = 0; i < count; ++i) {
    const double error = static_cast<double>(args.outputs[i]) - args.targets.values[i];
    total += error * error;
    if (args.gradient != nullptr) args.gradient[i] = static_cast<float>(error * scale);
  }
  return total / static_cast<double>(args.columns);
}

}  // namespace gradloom
