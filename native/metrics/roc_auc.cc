#include "metrics/roc_auc.h"

#include <limits>

namespace gradloom {

double RocAuc::area(std::span<const Tie> ties, const Tie& all) const {
  if (all.positives == 0 || all.negatives == 0) return std::numeric_limits<double>::quiet_NaN();
  double pairs = 0;
  double above = 0;  // positives of higher scores
  for (const Tie& tie : ties) {
    pairs += tie.negatives * (above + tie.positives / 2);
    above += tie.positives;
  }
  return pairs / all.negatives / all.positives;
}

}  // namespace gradloom
