#include "losses/huber.h"

#include <algorithm>
#include <cmath>

namespace gradloom {

double Huber::compute(const LossArguments& args) const {
  return sum_of_terms(args, [delta = delta_](double y, double t, int64_t) {
    const double error = y - t;
    const double size = std::abs(error);
    return LossTerm{size <= delta ? error * error / 2 : delta * (size - delta / 2), std::clamp(error, -delta, delta)};
  });
}

}  // namespace gradloom
