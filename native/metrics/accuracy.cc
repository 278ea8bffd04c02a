#include "metrics/accuracy.h"

#include <algorithm>

#include "common/error.h"

namespace gradloom {

void Accuracy::add(const MetricArguments& args, std::span<double> totals) const {
  int64_t hits = 0;
  int64_t samples = 0;
  for (int64_t row = 0; row < args.rows; ++row) {
    if (args.ignores(row)) continue;
    const float* outputs = args.outputs + row * args.columns;
    hits += std::max_element(outputs, outputs + args.columns) - outputs == args.classes[row];
    ++samples;
  }
  totals[0] += static_cast<double>(hits);
  totals[1] += static_cast<double>(samples);
}

void Accuracy::check(const Shape& output_shape, bool targets_are_classes) const {
  if (!targets_are_classes || output_shape.rank() != 1 || output_shape.size() < 2) {
    throw Error("SHAPE_MISMATCH", "accuracy: needs class labels and one output a class, got outputs of shape " +
                                      output_shape.to_string() +
                                      (targets_are_classes ? "" : " and targets that are values") +
                                      "; for yes-or-no outputs use binaryAccuracy");
  }
}

}  // namespace gradloom
