#include "losses/hinge.h"

namespace gradloom {

double Hinge::compute(const LossArguments& args) const {
  return sum_of_terms(args, [](double f, double t, int64_t) {
    const double y = t == 0 ? -1 : t;
    const double margin = 1 - y * f;
    const double nothing = 0 * margin;  // NaN where the margin is not finite
    return margin > 0 ? LossTerm{margin, -y} : LossTerm{nothing, nothing};
  });
}

}  // namespace gradloom
