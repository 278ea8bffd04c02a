#include "losses/poisson.h"

#include <cmath>

namespace gradloom {

double Poisson::compute(const LossArguments& args) const {
  return sum_of_terms(args, [](double z, double t, int64_t) {
    const double rate = std::exp(z);
    return LossTerm{rate - t * z, rate - t};
  });
}

}  // namespace gradloom
