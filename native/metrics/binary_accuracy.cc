#include "metrics/binary_accuracy.h"

#include "common/error.h"

namespace gradloom {

void BinaryAccuracy::add(const MetricArguments& args, std::span<double> totals) const {
  const int64_t count = args.rows * args.columns;
  int64_t hits = 0;
  for (int64_t i = 0; i < count; ++i) hits += (args.outputs[i] > threshold_) == (args.values[i] > 0.5F);
  totals[0] += static_cast<double>(hits);
  totals[1] += static_cast<double>(count);
}

void BinaryAccuracy::check(const Shape& /*output_shape*/, bool targets_are_classes) const {
  if (targets_are_classes) {
    throw Error("SHAPE_MISMATCH", "binaryAccuracy: the loss compares classes; use accuracy");
  }
}

}  // namespace gradloom
