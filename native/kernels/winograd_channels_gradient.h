// The gradient of the weights of a convolution by Winograd over a few images in rows, with channels and filters in the
// lanes (kernels/conv2d_channels.h), whose letters hold here, too. Both sides of a product have a tile's coefficients
// of all channels or filters side by side, so that nothing has to be turned: sums[36][C][K] = v[36][tiles][C]^T
// m[36][tiles][K].
#pragma once

#include <cstdint>

#include "kernels/conv2d_channels.h"
#include "kernels/conv2d_winograd.h"
#include "kernels/tiling.h"

namespace gradloom {

// Chunk by chunk: first all transforms, then all products, which add to the sums. Then winograd_gradient_of_sums.
class WinogradChannelsGradient {
 public:
  // `sums`: the same convolution, of one group.
  WinogradChannelsGradient(const ChannelsShape& shape, const WinogradShape& sums, int64_t images);

  // Whether there are pixels enough for the transform of the sums, whose cost they share.
  bool pays() const;
  // Floats; the sums lie at the beginning.
  int64_t scratch() const;
  int64_t chunks() const { return chunks_.count; }

  int64_t transforms(int64_t chunk) const { return jobs_of(chunk).count; }
  // x: the images from this group's first channel on, not padded; dz: of their output, likewise.
  void transform(int64_t chunk, int64_t job, const float* x, const float* dz, float* scratch) const;

  int64_t products() const { return kWinogradCoefficients * shape_.panels(); }
  void product(int64_t chunk, int64_t job, float* scratch) const;

 private:
  Tiling jobs_of(int64_t chunk) const;
  int64_t v_plane() const;
  int64_t m_plane() const;

  ChannelsShape shape_;
  WinogradShape sums_;
  int64_t images_;
  Tiling chunks_;  // of the tiles of all images
};

}  // namespace gradloom
