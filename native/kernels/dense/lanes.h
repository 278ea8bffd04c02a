// Products of a dense layer that has few units and reads images in lanes (kernels/layout/lanes.h) as they lie. A vector
// then holds 16 samples, where it would hold a few units, and nothing is converted.
//   x, dx [ceil(N / 16)][C][P][16]   weight [P][C][U]   y, dz [N][U]   N: samples   C: channels   P: pixels   U: units
// Single-threaded; the order of sums depends on the shape alone.
#pragma once

#include <cstdint>

namespace gradloom {

inline constexpr int64_t kMostLanesUnits = 16;

struct DenseLanesShape {
  int64_t pixels;
  int64_t channels;
  int64_t units;  // up to kMostLanesUnits
};

// y[n, u] = sum over p, c of x[c, p, n] weight[p, c, u] for the `samples` (at most 16) rows of one block.
void dense_lanes_forward(const DenseLanesShape& shape, const float* x, const float* weight, int64_t samples, float* y);

// dx[c, p, n] = sum over u of weight[p, c, u] dz[n, u] for one block and `count` pixels from `first` on; lanes beyond
// `samples` become 0.
void dense_lanes_input_gradient(const DenseLanesShape& shape, const float* weight, const float* dz, int64_t samples,
                                int64_t first, int64_t count, float* dx);

// gradient[p - first, c, u] = sum over n of x[n / 16, c, p, n % 16] dz[n, u] for `count` pixels from `first` on, over
// all blocks of a batch.
void dense_lanes_weight_gradient(const DenseLanesShape& shape, int64_t batch, const float* x, const float* dz,
                                 int64_t first, int64_t count, float* gradient);

}  // namespace gradloom
