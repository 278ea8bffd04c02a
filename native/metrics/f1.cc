#include "metrics/f1.h"

namespace gradloom {

Quotient F1::quotient(const ClassCounts& counts) const { return {2 * counts.hits, counts.predicted + counts.labelled}; }

}  // namespace gradloom
