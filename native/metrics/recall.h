// Of the samples of a class, the fraction that is taken for it: hits / labelled.
#pragma once

#include "metrics/class_figure.h"

namespace gradloom {

class Recall final : public ClassFigure {
 public:
  using ClassFigure::ClassFigure;

 protected:
  Quotient quotient(const ClassCounts& counts) const override;
};

}  // namespace gradloom
