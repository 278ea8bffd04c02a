#include "metrics/r2.h"

#include <array>
#include <limits>

#include "common/error.h"

namespace gradloom {

void R2::merge(std::span<const double> other, std::span<double> totals) const {
  for (size_t i = 0; i < totals.size(); i += 4) {
    const double count = totals[i] + other[i];
    if (other[i] == 0) continue;
    const double delta = other[i + 1] - totals[i + 1];
    totals[i + 2] += other[i + 2] + delta * delta * (totals[i] * other[i] / count);
    totals[i + 1] += delta * (other[i] / count);
    totals[i + 3] += other[i + 3];
    totals[i] = count;
  }
}

void R2::add(const MetricArguments& args, std::span<double> totals) const {
  for (int64_t column = 0; column < args.columns; ++column) {
    const std::span<double> of_column = totals.subspan(static_cast<size_t>(4 * column), 4);
    for (int64_t row = 0; row < args.rows; ++row) {
      const auto target = static_cast<double>(args.values[row * args.columns + column]);
      const double error = target - args.outputs[row * args.columns + column];
      merge(std::array{1.0, target, 0.0, error * error}, of_column);
    }
  }
}

MetricResult R2::result(std::span<const double> totals, int64_t columns) const {
  if (totals[0] < 2) return std::numeric_limits<double>::quiet_NaN();
  double sum = 0;
  for (size_t i = 0; i < totals.size(); i += 4) {
    const double squares = totals[i + 2];
    const double errors = totals[i + 3];
    sum += squares == 0 ? (errors == 0 ? 1 : 0) : 1 - errors / squares;
  }
  return sum / static_cast<double>(columns);
}

void R2::check(const Shape& /*output_shape*/, bool targets_are_classes) const {
  if (targets_are_classes) throw Error("SHAPE_MISMATCH", "r2: the loss compares classes; use accuracy");
}

}  // namespace gradloom
