// Area under the receiver operating characteristic, exact: the probability that a positive sample is ranked above a
// negative one, where a tie counts one half. Needs one of each.
#pragma once

#include "metrics/ranking.h"

namespace gradloom {

class RocAuc final : public Ranking {
 public:
  using Ranking::Ranking;

 protected:
  double area(std::span<const Tie> ties, const Tie& all) const override;
};

}  // namespace gradloom
