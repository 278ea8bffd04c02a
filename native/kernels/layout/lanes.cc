#include "kernels/layout/lanes.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "kernels/tiling.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/layout/lanes.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"
#include "kernels/layout/transpose-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Block = hn::CappedTag<float, kLanes>;

HWY_INLINE void copy_blocks(const float* HWY_RESTRICT source, int64_t count, float* HWY_RESTRICT target) {
  const Block d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t i = 0; i < count * kLanes; i += lanes) hn::Store(hn::Load(d, source + i), d, target + i);
}

HWY_INLINE void clear_blocks(int64_t count, float* HWY_RESTRICT target) {
  const Block d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t i = 0; i < count * kLanes; i += lanes) hn::Store(hn::Zero(d), d, target + i);
}

void PlacePlane(const AxisPlacement& rows, const AxisPlacement& columns, const float* source, float* target) {
  // Target columns [first, last) hold source columns.
  const int64_t first = std::clamp<int64_t>(columns.offset, 0, columns.target);
  const int64_t last = std::clamp(columns.source + columns.offset, first, columns.target);
  for (int64_t t = 0; t < rows.target; ++t) {
    float* line = target + t * columns.target * kLanes;
    const int64_t at = t - rows.offset;
    if (at < 0 || at >= rows.source) {
      clear_blocks(columns.target, line);
      continue;
    }
    clear_blocks(first, line);
    copy_blocks(source + (at * columns.source + first - columns.offset) * kLanes, last - first, line + first * kLanes);
    clear_blocks(columns.target - last, line + last * kLanes);
  }
}

// Values of sixteen samples meet in a buffer that stays in L1, or of many channels, of which that has few pixels, in
// L2. Each side is read or written in stretches of several lines: single lines of sixteen samples, or of all channels,
// often lie so far apart that they share few sets of the caches.
constexpr int64_t kPieceChannels = 128;
constexpr int64_t kMostPieceValues = 768;
constexpr int64_t piece_values(int64_t channels) { return channels <= 64 ? 256 : kMostPieceValues; }
using PieceBuffer = float[kMostPieceValues * kLanes];

struct Piece {
  int64_t first_pixel;
  int64_t pixels;
  int64_t first_channel;
  int64_t channels;
};

template <class Body>
HWY_INLINE void for_each_piece(const LaneImage& image, const PixelRange& range, Body body) {
  const EvenTiling parts = cut_evenly(image.channels, kPieceChannels);
  const int64_t channels = parts.largest();
  const int64_t most = piece_values(channels) / channels;
  // Whole squares, if there can be.
  const int64_t step = kTransposeSide / std::gcd<int64_t>(channels, kTransposeSide);
  const int64_t pixels = most < step ? most : most / step * step;
  for (int64_t p = range.first; p < range.end; p += pixels) {
    for (int64_t part = 0; part < parts.count; ++part) {
      body(Piece{p, std::min(pixels, range.end - p), parts.first(part), parts.size(part)});
    }
  }
}

// Calls body(from, to, count) for stretches of `count` values of a piece that lie side by side in rows. They begin at
// value `from` of a sample, and at block `to` of the buffer.
template <class Body>
HWY_INLINE void for_each_stretch(const LaneImage& image, const Piece& piece, Body body) {
  const bool whole = piece.channels == image.channels;
  const int64_t count = (whole ? piece.pixels : 1) * piece.channels;
  for (int64_t to = 0; to < piece.pixels * piece.channels; to += count) {
    const int64_t pixel = piece.first_pixel + to / piece.channels;
    body(pixel * image.channels + piece.first_channel, to, count);
  }
}

// The blocks of a channel of a piece, side by side.
HWY_INLINE int64_t block_at(const LaneImage& image, const Piece& piece, int64_t channel) {
  return (piece.first_channel + channel) * image.pixels + piece.first_pixel;
}

void blocks_to_samples(const float* HWY_RESTRICT blocks, int64_t samples, int64_t count, int64_t stride,
                       float* HWY_RESTRICT rows) {
  // All of some samples before the next ones.
  for (int64_t s = 0; s < samples; s += kTransposeSide) {
    transpose_matrix(count, std::min<int64_t>(kTransposeSide, samples - s), blocks + s, kLanes, rows + s * stride,
                     stride);
  }
}

void SamplesToLanes(const LaneImage& image, const PixelRange& range, int64_t samples, const float* const* images,
                    float* lanes) {
  const int64_t pixels = range.end - range.first;
  if (image.channels == 1) {
    float* const target = lanes + range.first * kLanes;
    if (samples < kLanes) clear_blocks(pixels, target);
    return transpose_rows(samples, pixels, {images, 0}, target, kLanes);
  }
  HWY_ALIGN PieceBuffer buffer;
  if (samples < kLanes) clear_blocks(std::min(piece_values(image.channels), pixels * image.channels), buffer);
  for_each_piece(image, range, [&](const Piece& piece) {
    for_each_stretch(image, piece, [&](int64_t from, int64_t to, int64_t count) {
      transpose_rows(samples, count, {images, from - range.first * image.channels}, buffer + to * kLanes, kLanes);
    });
    for (int64_t c = 0; c < piece.channels; ++c) {
      float* const target = lanes + block_at(image, piece, c) * kLanes;
      for (int64_t p = 0; p < piece.pixels; ++p) {
        copy_blocks(buffer + (p * piece.channels + c) * kLanes, 1, target + p * kLanes);
      }
    }
  });
}

void LanesToRows(const LaneImage& image, const PixelRange& range, int64_t samples, const float* lanes, float* rows) {
  const int64_t values = image.pixels * image.channels;
  if (image.channels == 1) {
    if (values == 1 && range.first < range.end) {
      std::copy_n(lanes, samples, rows);
      return;
    }
    return blocks_to_samples(lanes + range.first * kLanes, samples, range.end - range.first, values,
                             rows + range.first);
  }
  HWY_ALIGN PieceBuffer buffer;
  for_each_piece(image, range, [&](const Piece& piece) {
    for (int64_t c = 0; c < piece.channels; ++c) {
      const float* const source = lanes + block_at(image, piece, c) * kLanes;
      for (int64_t p = 0; p < piece.pixels; ++p) {
        copy_blocks(source + p * kLanes, 1, buffer + (p * piece.channels + c) * kLanes);
      }
    }
    for_each_stretch(image, piece, [&](int64_t from, int64_t to, int64_t count) {
      blocks_to_samples(buffer + to * kLanes, samples, count, values, rows + from);
    });
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(PlacePlane);
HWY_EXPORT(SamplesToLanes);
HWY_EXPORT(LanesToRows);

void place_plane(const AxisPlacement& rows, const AxisPlacement& columns, const float* source, float* target) {
  HWY_DYNAMIC_DISPATCH(PlacePlane)(rows, columns, source, target);
}

void samples_to_lanes(const LaneImage& image, const PixelRange& range, int64_t samples, const float* const* images,
                      float* lanes) {
  HWY_DYNAMIC_DISPATCH(SamplesToLanes)(image, range, samples, images, lanes);
}

void rows_to_lanes(const LaneImage& image, const PixelRange& range, int64_t samples, const float* rows, float* lanes) {
  // One value of each sample: both sides are the same.
  if (image.pixels == 1 && image.channels == 1 && range.first < range.end) {
    std::fill(std::copy_n(rows, samples, lanes), lanes + kLanes, 0.0F);
    return;
  }
  std::array<const float*, kLanes> images;
  for (int64_t l = 0; l < samples; ++l) {
    images[static_cast<size_t>(l)] = rows + (l * image.pixels + range.first) * image.channels;
  }
  samples_to_lanes(image, range, samples, images.data(), lanes);
}

void lanes_to_rows(const LaneImage& image, const PixelRange& range, int64_t samples, const float* lanes, float* rows) {
  HWY_DYNAMIC_DISPATCH(LanesToRows)(image, range, samples, lanes, rows);
}

}  // namespace gradloom
#endif  // HWY_ONCE
