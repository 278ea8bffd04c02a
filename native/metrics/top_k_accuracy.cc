#include "metrics/top_k_accuracy.h"

#include "common/error.h"

namespace gradloom {

void TopKAccuracy::add(const MetricArguments& args, std::span<double> totals) const {
  int64_t hits = 0;
  int64_t samples = 0;
  for (int64_t row = 0; row < args.rows; ++row) {
    if (args.ignores(row)) continue;
    const float* outputs = args.outputs + row * args.columns;
    const int64_t target = args.classes[row];
    int64_t before = 0;  // outputs that come before the target's, or cannot be compared with it
    for (int64_t i = 0; i < args.columns; ++i) {
      before += i < target ? !(outputs[i] < outputs[target]) : i > target && !(outputs[i] <= outputs[target]);
    }
    hits += before < k_ && outputs[target] == outputs[target];
    ++samples;
  }
  totals[0] += static_cast<double>(hits);
  totals[1] += static_cast<double>(samples);
}

void TopKAccuracy::check(const Shape& output_shape, bool targets_are_classes) const {
  if (!targets_are_classes || output_shape.rank() != 1 || output_shape.size() < k_) {
    throw Error("SHAPE_MISMATCH", "topKAccuracy: needs class labels and at least k = " + std::to_string(k_) +
                                      " outputs, one a class, got outputs of shape " + output_shape.to_string() +
                                      (targets_are_classes ? "" : " and targets that are values"));
  }
}

}  // namespace gradloom
