#include "metrics/log_loss.h"

#include <algorithm>
#include <cmath>

#include "common/error.h"

namespace gradloom {
namespace {

double of_class(const float* z, int64_t columns, int32_t target) {
  const double largest = *std::max_element(z, z + columns);
  double sum = 0;
  for (int64_t i = 0; i < columns; ++i) sum += std::exp(z[i] - largest);
  return std::log(sum) + largest - z[target];
}

double of_value(double z, double t) { return std::max(z, 0.0) - z * t + std::log1p(std::exp(-std::abs(z))); }

}  // namespace

void LogLoss::add(const MetricArguments& args, std::span<double> totals) const {
  for (int64_t row = 0; row < args.rows; ++row) {
    const float* outputs = args.outputs + row * args.columns;
    if (args.classes == nullptr) {
      const float* targets = args.values + row * args.columns;
      for (int64_t i = 0; i < args.columns; ++i) totals[0] += of_value(outputs[i], targets[i]);
      totals[1] += static_cast<double>(args.columns);
    } else if (!args.ignores(row)) {
      totals[0] += of_class(outputs, args.columns, args.classes[row]);
      totals[1] += 1;
    }
  }
}

void LogLoss::check(const Shape& output_shape, bool targets_are_classes) const {
  if (targets_are_classes && (output_shape.rank() != 1 || output_shape.size() < 2)) {
    throw Error("SHAPE_MISMATCH",
                "logLoss: needs one output a class, or yes-or-no outputs with values as targets; got "
                "outputs of shape " +
                    output_shape.to_string());
  }
}

}  // namespace gradloom
