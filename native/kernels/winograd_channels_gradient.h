// The gradient of the weights of a convolution by Winograd over a few images in rows, with channels and filters in the
// lanes (kernels/conv2d_channels.h), whose letters hold here, too. Both sides of a product have a tile's coefficients
// of all channels or filters side by side, so that nothing has to be transposed: sums[E][D][K] = v[E][tiles][D]^T
// m[E][tiles][K].
#pragma once

#include <cstdint>

#include "kernels/conv2d_channels.h"
#include "kernels/conv2d_winograd.h"
#include "kernels/tiling.h"
#include "kernels/winograd_channels.h"

namespace gradloom {

// Chunk by chunk: first all transforms, then all products, which add to the sums of the chunk's piece. Then those of
// all pieces are added up, and winograd_gradient_of_sums. Each piece may be one thread's, whose caches its chunks stay
// in.
class WinogradChannelsGradient {
 public:
  WinogradChannelsGradient(const WinogradRows& shape, int64_t images);

  // Whether there are pixels enough for the transform of the sums, whose cost they share.
  bool pays() const;
  // Floats for so many threads: the sums at the beginning, then room for a chunk of each thread that has pieces of its
  // own; or room for the only chunk, then sums of each thread's part.
  int64_t scratch(int64_t threads) const;
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

  // Of a single chunk: threads make the gradients of parts of the filters, after all transforms, so that the sums stay
  // in their caches.
  bool by_parts() const { return by_parts_; }
  Tiling parts(int64_t threads) const;
  void gradient_of_part(const Tiling& parts, int64_t part, float* scratch, int64_t thread, float* gradient) const;

  // To the sums of the first one, where there are several.
  void add_pieces(int64_t coefficient, float* scratch) const;

 private:
  Tiling jobs_of(int64_t chunk) const;
  // Of a chunk, those that have a coefficient.
  TileRange tiles_of(int64_t coefficient, int64_t chunk) const;
  int64_t sums_floats() const;
  int64_t shared_floats() const { return by_parts() ? 0 : pieces() * sums_floats(); }
  WinogradShape of_filters(int64_t filters) const;
  int64_t room_floats() const;
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
};

}  // namespace gradloom
