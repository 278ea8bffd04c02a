#include "losses/mean_absolute_error.h"

#include <cmath>

namespace gradloom {

double MeanAbsoluteErrorLoss::compute(const LossArguments& args) const {
  return sum_of_terms(args, [](double y, double t, int64_t) {
    const double error = y - t;
    return LossTerm{std::abs(error), error > 0 ? 1 : error < 0 ? -1 : error};  // NaN stays NaN
  });
}

}  // namespace gradloom
