#include "metrics/pr_auc.h"

#include <limits>

namespace gradloom {

double PrAuc::area(std::span<const Tie> ties, const Tie& all) const {
  if (all.positives == 0) return std::numeric_limits<double>::quiet_NaN();
  double area = 0;
  Tie above{0, 0};
  for (const Tie& tie : ties) {
    above = {above.positives + tie.positives, above.negatives + tie.negatives};
    area += tie.positives / all.positives * above.positives / (above.positives + above.negatives);
  }
  return area;
}

}  // namespace gradloom
