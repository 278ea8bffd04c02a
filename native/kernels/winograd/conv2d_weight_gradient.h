// The gradient of the weights of kernels/winograd/conv2d.h. Sums of products of transformed tiles come first, E a
// window; from these the gradient is made.
#pragma once

#include <cstdint>

#include "common/checked.h"
#include "kernels/layout/lanes.h"
#include "kernels/tiling.h"
#include "kernels/winograd/conv2d.h"
#include "kernels/winograd/gradient_tiles.h"
#include "kernels/winograd/tiles.h"
#include "kernels/winograd/transforms.h"

namespace gradloom {

// What sums of products leave: [E][D][K] with winograd_filter_floats floats, from which gradient[k][r][s][c] is made
// of the filters of one piece, whole cache lines of the sums.
Tiling winograd_gradient_pieces(const WinogradShape& shape);
void winograd_gradient_of_sums(const WinogradShape& shape, int64_t piece, const float* sums, float* gradient);

// Tiles are summed chunk by chunk: transforms first, then products, which add to sums. Where there are many of them,
// chunks are dealt out in turn to pieces with sums of their own, by the shape and the number of blocks alone; where a
// piece has several, it has tiles of several kinds. The threads that are left share a piece's filters and channels.
// Each thread transforms all that it multiplies, rather than take what another one has made from that one's cache. Only
// where the filters of a single piece are shared, and its own cache cannot hold the channels of a chunk, is each chunk
// a round, for which threads transform those of the input together.
class WinogradWeightGradient {
 public:
  WinogradWeightGradient(const WinogradShape& shape, int64_t batch, int64_t threads);

  int64_t scratch() const;         // floats of all threads together
  int64_t thread_scratch() const;  // floats of each thread

  int64_t rounds() const { return transforms_together() ? chunks_.count : 1; }
  // Of the input in a round, before its jobs.
  int64_t input_jobs() const;
  void transform_input(int64_t round, int64_t job, const LaneImages& x, float* scratch) const;
  // A piece's sums for some filters and channels.
  int64_t jobs() const { return pieces_ * filters_.count * channels_.count; }
  void add_tiles(int64_t round, int64_t job, const LaneImages& x, const LaneImages& dz, float* scratch,
                 float* thread_scratch) const;

  // When all are done, where there are several pieces: adds their sums of one coefficient up.
  int64_t pieces() const { return pieces_; }
  void add_pieces(int64_t coefficient, float* scratch) const;
  // The sums are at the beginning of the scratch at last. What a thread needs has room for the gradient of a piece.

 private:
  bool transforms_together() const;
  // Floats of one coefficient of a chunk.
  int64_t v_plane() const;
  int64_t m_plane() const;
  int64_t sums_floats() const;
  // What a job adds to its piece's sums.
  struct Share {
    int64_t filter;
    int64_t filters;
    int64_t channel;
    int64_t channels;
  };
  Share share(int64_t job) const;
  WinogradGradientTiles tiles_of(int64_t chunk) const {
    return {shape_, columns_, chunks_.first(chunk), chunks_.size(chunk)};
  }
  void multiply(const WinogradGradientTiles& tiles, const Share& share, const float* v, const float* m, bool begins,
                float* sums) const;

  WinogradShape shape_;
  TileColumns columns_;
  Tiling chunks_;  // of the tiles
  int64_t pieces_;
  Tiling filters_;
  Tiling channels_;
};

// The same where all tiles are one chunk and the sums would go through memory: those of some filters and channels
// become their gradient while L2 has them, with channels in the lanes, as the gradient has them. v is made of all
// sections, each in panels of its own: [E][sections][C / 16][T samples][16]. Same bits.
class WinogradPartGradient {
 public:
  // Whether sums outgrow the caches, all tiles are one chunk, and there are filters for all threads.
  static bool suits(const WinogradShape& shape, int64_t batch, int64_t threads);

  WinogradPartGradient(const WinogradShape& shape, int64_t batch, int64_t threads);

  int64_t scratch() const;         // floats of all threads together
  int64_t thread_scratch() const;  // floats of each thread, with those of the gradient of a part at its beginning
  int64_t gradient_floats() const;

  // Of the input, before all others.
  int64_t input_jobs() const;
  void transform_input(int64_t job, const LaneImages& x, float* scratch, float* thread_scratch) const;
  // gradient[k][r][s][c] of the filters of one part; m: what a thread needs besides.
  const Tiling& filters() const { return filters_; }
  void make(int64_t part, const LaneImages& dz, const float* scratch, float* m, float* gradient) const;

 private:
  // Of the channels of a section, and the floats of one.
  int64_t section_panels() const;
  int64_t panel() const;
  int64_t v_plane() const;
  int64_t m_plane() const;
  int64_t sums_plane() const;
  int64_t transposed() const;

  WinogradShape shape_;
  WinogradGradientTiles tiles_;
  Tiling filters_;
};

}  // namespace gradloom
