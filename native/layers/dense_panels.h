// How Dense keeps its weights: in panels of up to 64 units; the last one holds what is left.
#pragma once

#include <algorithm>
#include <cstdint>

#include "common/checked.h"

namespace gradloom {

constexpr int64_t kPanelWidth = 64;

// Weights that are not in a second cache when they are read again.
constexpr int64_t kFarWeights = 128 * 1024;

struct Panels {
  int64_t columns;

  int64_t count() const { return ceil_divide(columns, kPanelWidth); }
  int64_t first(int64_t panel) const { return panel * kPanelWidth; }
  int64_t width(int64_t panel) const { return std::min(kPanelWidth, columns - first(panel)); }
};

// That the rows of each panel are cut into so that every thread has two jobs. No sum of ours depends on it.
inline int64_t pieces(int threads, int64_t panels) { return threads == 1 ? 1 : ceil_divide(2 * threads, panels); }

}  // namespace gradloom
