// Of the samples that are taken for a class, the fraction that is of it: hits / predicted.
#pragma once

#include "metrics/class_figure.h"

namespace gradloom {

class Precision final : public ClassFigure {
 public:
  using ClassFigure::ClassFigure;

 protected:
  Quotient quotient(const ClassCounts& counts) const override;
};

}  // namespace gradloom
