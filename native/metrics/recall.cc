#include "metrics/recall.h"

namespace gradloom {

Quotient Recall::quotient(const ClassCounts& counts) const { return {counts.hits, counts.labelled}; }

}  // namespace gradloom
