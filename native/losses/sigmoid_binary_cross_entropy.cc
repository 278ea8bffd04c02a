#include "losses/sigmoid_binary_cross_entropy.h"

#include <algorithm>
#include <cmath>

namespace gradloom {

double SigmoidBinaryCrossEntropy::compute(const LossArguments& args) const {
  const int64_t count = args.rows * args.columns;
  const double scale = static_cast<double>(args.scale) / static_cast<double>(args.columns);
  double total = 0;
  for (int64_t i = 0; i < count; ++i) {
    const double z = args.outputs[i];
    const double t = args.targets.values[i];
    const double e = std::exp(-std::abs(z));
    total += std::max(z, 0.0) - z * t + std::log1p(e);  // max(NaN, 0) is NaN
    const double sigmoid = z >= 0 ? 1 / (1 + e) : e / (1 + e);
    if (args.gradient != nullptr) args.gradient[i] = static_cast<float>((sigmoid - t) * scale);
  }
  return total / static_cast<double>(args.columns);
}

}  // namespace gradloom
