// The harmonic mean of precision and recall: 2 hits / (predicted + labelled).
#pragma once

#include "metrics/class_figure.h"

namespace gradloom {

class F1 final : public ClassFigure {
 public:
  using ClassFigure::ClassFigure;

 protected:
  Quotient quotient(const ClassCounts& counts) const override;
};

}  // namespace gradloom
