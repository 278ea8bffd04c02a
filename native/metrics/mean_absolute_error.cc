#include "metrics/mean_absolute_error.h"

#include <cmath>

#include "common/error.h"

namespace gradloom {

void MeanAbsoluteError::add(const MetricArguments& args, std::span<double> totals) const {
  const int64_t count = args.rows * args.columns;
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += std::abs(static_cast<double>(args.outputs[i]) - args.values[i]);
  totals[0] += sum;
  totals[1] += static_cast<double>(count);
}

void MeanAbsoluteError::check(const Shape& /*output_shape*/, bool targets_are_classes) const {
  if (targets_are_classes) {
    throw Error("SHAPE_MISMATCH", "meanAbsoluteError: needs targets that are values, the loss compares classes");
  }
}

}  // namespace gradloom
