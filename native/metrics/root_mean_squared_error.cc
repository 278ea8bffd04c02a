#include "metrics/root_mean_squared_error.h"

#include "common/error.h"

namespace gradloom {

void RootMeanSquaredError::add(const MetricArguments& args, std::span<double> totals) const {
  const int64_t count = args.rows * args.columns;
  for (int64_t i = 0; i < count; ++i) {
    const double error = static_cast<double>(args.outputs[i]) - args.values[i];
    totals[0] += error * error;
  }
  totals[1] += static_cast<double>(count);
}

void RootMeanSquaredError::check(const Shape& /*output_shape*/, bool targets_are_classes) const {
  if (targets_are_classes) {
    throw Error("SHAPE_MISMATCH", "rootMeanSquaredError: the loss compares classes; use accuracy");
  }
}

}  // namespace gradloom
