#include "losses/smooth_l1.h"

#include <algorithm>
#include <cmath>

namespace gradloom {

double SmoothL1::compute(const LossArguments& args) const {
  return sum_of_terms(args, [beta = beta_](double y, double t, int64_t) {
    const double error = y - t;
    const double size = std::abs(error);
    return LossTerm{size < beta ? error * error / (2 * beta) : size - beta / 2, std::clamp(error / beta, -1.0, 1.0)};
  });
}

}  // namespace gradloom
