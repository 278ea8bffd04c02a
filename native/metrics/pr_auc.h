// Area under the curve of precision and recall as average precision, exact: the sum over distinct scores, falling, of
// (recall - recall before) * precision. Needs a positive sample.
#pragma once

#include "metrics/ranking.h"

namespace gradloom {

class PrAuc final : public Ranking {
 public:
  using Ranking::Ranking;

 protected:
  double area(std::span<const Tie> ties, const Tie& all) const override;
};

}  // namespace gradloom
