#include "metrics/precision.h"

namespace gradloom {

Quotient Precision::quotient(const ClassCounts& counts) const { return {counts.hits, counts.predicted}; }

}  // namespace gradloom
