#include "losses/sigmoid_binary_cross_entropy.h"

#include <algorithm>
#include <cmath>

#include "common/error.h"

namespace gradloom {

double SigmoidBinaryCrossEntropy::compute(const LossArguments& args) const {
  const bool shared = positive_weight_.size() == 1;
  return sum_of_terms(args, [&](double z, double t, int64_t column) {
    const double positive = positive_weight_[shared ? 0 : static_cast<size_t>(column)];
    const double weight = 1 + (positive - 1) * t;
    const double e = std::exp(-std::abs(z));
    const double sigmoid = z >= 0 ? 1 / (1 + e) : e / (1 + e);
    return LossTerm{(1 - t) * z + weight * (std::log1p(e) + std::max(-z, 0.0)), weight * sigmoid - positive * t};
  });
}

void SigmoidBinaryCrossEntropy::check_outputs(const Shape& output_shape) const {
  const auto count = static_cast<int64_t>(positive_weight_.size());
  if (count != 1 && count != output_shape.size()) {
    throw Error("SHAPE_MISMATCH", kind() + ": positiveWeight has " + std::to_string(count) +
                                      " entries, expected one, or one for each of the " +
                                      std::to_string(output_shape.size()) + " outputs");
  }
}

}  // namespace gradloom
