// The gradient of the weights of a convolution by Winograd over a few images in rows, with channels and filters in the
// lanes (kernels/conv2d/channels.h), whose letters hold here, too. Both sides of a product have a tile's coefficients
// of all channels or filters side by side, and so have the sums, with channels in the lanes as the gradient has them:
// sums[E][K][D] = m[E][tiles][K]^T v[E][tiles][D]. Nothing has to be transposed.
#pragma once

#include <cstdint>

#include "kernels/conv2d/channels.h"
#include "kernels/tiling.h"
#include "kernels/winograd/conv2d.h"
#include "kernels/winograd/conv2d_channels.h"
#include "kernels/winograd/planes.h"

namespace gradloom {

// Chunk by chunk: first all transforms, then all products, which add to the sums of the chunk's piece. Then those of
// all pieces are added up, and the gradient is made of them part by part. Each piece may be one thread's, whose caches
// its chunks stay in. The sums of a single chunk may be made part by part themselves.
class WinogradChannelsGradient {
 public:
  WinogradChannelsGradient(const WinogradRows& shape, int64_t images, int64_t threads);

  // Whether there are pixels enough for the transform of the sums, whose cost they share.
  bool pays() const;
  // Floats of all threads together: sums of all pieces, then room for a chunk of each thread that has pieces of its
  // own; or room for the only chunk.
  int64_t scratch() const;
  // Floats of each thread, with those of the gradient of a part at its beginning.
  int64_t thread_scratch() const;
  int64_t weight_floats() const;
  int64_t pieces() const { return pieces_; }
  // Calls visit(chunk) for those of a piece: dealt out in turn, so that each has tiles of several kinds.
  template <class Visit>
  void for_each_chunk(int64_t piece, Visit visit) const {
    for (int64_t chunk = piece; chunk < chunks_.count; chunk += pieces_) visit(chunk);
  }

  int64_t transforms(int64_t chunk) const { return jobs_of(chunk).count; }
  // x: the images from this group's first channel on, not padded; dz: of their output, likewise.
  void transform(int64_t chunk, int64_t job, const float* x, const float* dz, float* scratch, int64_t room) const;

  int64_t products() const { return sums_.form.coefficients() * shape_.panels(); }
  void product(int64_t piece, int64_t chunk, int64_t job, float* scratch, int64_t room) const;

  // To the sums of the first one, where there are several.
  void add_pieces(int64_t coefficient, float* scratch) const;

  // Parts of the filters whose sums threads make after all transforms of a single chunk, and then their gradient, while
  // their caches hold these.
  bool by_parts() const { return by_parts_; }
  const Tiling& parts() const { return parts_; }
  // gradient[k][r][s][c] of the filters of one part; `sums`: what a thread needs besides.
  void make(int64_t part, const float* scratch, float* sums, float* gradient) const;

 private:
  Tiling jobs_of(int64_t chunk) const;
  // Of a chunk, those that have a coefficient.
  TileRange tiles_of(int64_t coefficient, int64_t chunk) const;
  // Of some filters.
  int64_t sums_row() const { return sums_.all_channels(); }
  int64_t sums_plane(int64_t filters) const { return winograd_plane(round_up(filters * sums_row(), kLanes)); }
  int64_t sums_floats(int64_t filters) const { return sums_.form.coefficients() * sums_plane(filters); }
  int64_t shared_floats() const { return by_parts() ? 0 : pieces() * sums_floats(shape_.filters); }
  struct FilterRange {
    int64_t first;
    int64_t count;
  };
  int64_t room_floats() const;
  // Sums of the coefficient of some filters.
  void multiply(int64_t coefficient, int64_t chunk, const FilterRange& filters, const float* room,
                Accumulate accumulate, float* sums) const;
  // Whole vectors, of a tile.
  int64_t v_row() const { return round_up(sums_.all_channels(), kLanes); }
  int64_t m_row() const { return round_up(shape_.filters, kLanes); }
  int64_t v_plane() const;
  int64_t m_plane() const;

  ChannelsShape shape_;
  WinogradShape sums_;
  WinogradTiles tiles_;
  int64_t images_;
  Tiling chunks_;  // of the tiles of all images
  int64_t pieces_;
  bool by_parts_;
  int64_t rooms_;
  Tiling parts_;
};

}  // namespace gradloom
