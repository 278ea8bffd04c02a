#include "losses/mean_squared_error.h"

namespace gradloom {

double MeanSquaredError::compute(const LossArguments& args) const {
  return sum_of_terms(args, [](double y, double t, int64_t) { return LossTerm{(y - t) * (y - t), 2 * (y - t)}; });
}

}  // namespace gradloom
