#include "kernels/conv2d/direct/weight_gradient_gemm.h"

#include <algorithm>

#include "kernels/gemm/simd_gemm.h"
#include "kernels/layout/lanes.h"
#include "kernels/layout/transposed_tile.h"

namespace gradloom {
namespace {

constexpr int64_t kTransposedPixel = kLanes * kPanelColumns;

// Rows of the output whose products are one sum, of some 64 pixels: worth its loads and stores, and too short to lose
// digits.
int64_t rows_at_once(const DirectShape& shape) {
  constexpr int64_t kPixels = 64;
  return std::clamp<int64_t>(kPixels / shape.output.width, 1, shape.output.height);
}

// Of the input.
int64_t rows_seen(const DirectShape& shape, int64_t rows) {
  return (rows - 1) * shape.stride.height + (shape.window.height - 1) * shape.dilation.height + 1;
}

// The columns of the input by their place in a step of the window (their phase), so that those that a tap meets lie
// side by side. Rows of all phases come one phase after the other.
int64_t phases(const DirectShape& shape) { return std::min(shape.stride.width, shape.input.width); }
int64_t phase_columns(const DirectShape& shape, int64_t phase) {
  return ceil_divide(shape.input.width - phase, shape.stride.width);
}
int64_t columns_before(const DirectShape& shape, int64_t phase) {
  int64_t columns = 0;
  for (int64_t before = 0; before < phase; ++before) columns += phase_columns(shape, before);
  return columns;
}

int64_t panel_floats(const DirectShape& shape, int64_t rows) { return rows * shape.input.width * kTransposedPixel; }

// transposed[channel / 16][phase][row][column][sample][channel % 16] of `rows` rows of x:
// [channel][row][column][sample].
void transpose_rows(const DirectShape& shape, int64_t channels, int64_t rows, const float* x, float* transposed) {
  for (int64_t c = 0; c < channels; c += kPanelColumns) {
    for (int64_t phase = 0; phase < phases(shape); ++phase) {
      const PixelArea area{.images = std::min(kPanelColumns, channels - c),
                           .image = plane_floats(shape.input),
                           .row = shape.input.width * kLanes,
                           .column = shape.stride.width * kLanes,
                           .pixels = {rows, phase_columns(shape, phase)}};
      transpose_pixels(area, x + c * area.image + phase * kLanes, transposed);
      transposed += rows * area.pixels.width * kTransposedPixel;
    }
  }
}

}  // namespace

bool gemm_gradient_pays(const DirectShape& shape) {
  constexpr int64_t kFewest = 32;
  return shape.channels % kPanelColumns == 0 && shape.channels >= kFewest && shape.filters >= kFewest;
}

// Channels are cut first, where they leave products that are wide enough, for every tile of filters transposes them
// again; and pieces have sums of their own, some of which should stay in L2.
WeightGradientTiles gemm_gradient_tiles(const DirectShape& shape, int64_t blocks) {
  constexpr int64_t kFewestJobs = 8;
  constexpr int64_t kFewestChannels = 32;
  constexpr int64_t kFewestFilters = 32;
  constexpr int64_t kSumFloats = 256 * 1024;
  const int64_t weights = shape.filters * shape.channels * shape.taps();
  const int64_t pieces = std::clamp<int64_t>(kSumFloats / weights, 1, std::min(blocks, kFewestJobs));
  int64_t channels = std::clamp<int64_t>(ceil_divide(kFewestJobs, pieces), 1, shape.channels / kFewestChannels);
  while (shape.channels / kPanelColumns % channels != 0) --channels;
  const int64_t filters =
      std::clamp<int64_t>(ceil_divide(kFewestJobs, pieces * channels), 1, shape.filters / kFewestFilters);
  return {{shape.filters, filters}, {shape.channels, channels}, cut(blocks, blocks), {blocks, pieces}};
}

int64_t gemm_gradient_scratch(const DirectShape& shape, int64_t channels) {
  return ceil_divide(channels, kPanelColumns) * panel_floats(shape, rows_seen(shape, rows_at_once(shape)));
}

void conv2d_gemm_weight_gradient(const DirectShape& shape, const WeightRange& range, const WeightGradientOperands& o,
                                 Accumulate accumulate, float* scratch, float* gradient) {
  const int64_t of_filter = shape.taps() * shape.channels;
  float* const of_range = gradient + range.filter * of_filter + range.channel;
  const auto tap_gradient = [&](int64_t r, int64_t s) {
    return of_range + (r * shape.window.width + s) * shape.channels;
  };
  if (accumulate == Accumulate::kOverwrite) {
    for (int64_t k = 0; k < range.filters; ++k) {
      for (int64_t tap = 0; tap < shape.taps(); ++tap) {
        std::fill_n(of_range + k * of_filter + tap * shape.channels, range.channels, 0.0F);
      }
    }
  }
  const int64_t at_once = rows_at_once(shape);
  for (int64_t block = 0; block < o.blocks; ++block) {
    const float* const x = o.x + block * o.x_block + range.channel * plane_floats(shape.input);
    const float* const dz = o.dz + block * o.dz_block;
    for (int64_t p = 0; p < shape.output.height; p += at_once) {
      const int64_t end = std::min(p + at_once, shape.output.height);
      const int64_t seen = rows_seen(shape, end - p);
      transpose_rows(shape, range.channels, seen, x + p * shape.stride.height * shape.input.width * kLanes, scratch);
      for (int64_t r = 0; r < shape.window.height; ++r) {
        // Those whose tap is not on zeros.
        const int64_t down = r * shape.dilation.height;
        const auto rows_before = [&](int64_t input_row) {
          return count_before(input_row - down, shape.stride.height, shape.output.height);
        };
        const int64_t first = std::max(p, rows_before(shape.zeros.above));
        const int64_t rows = std::min(end, rows_before(shape.input.height - shape.zeros.below)) - first;
        if (rows <= 0) continue;
        const int64_t transposed_row = (first - p) * shape.stride.height + down;
        for (int64_t s = 0; s < shape.window.width; ++s) {
          const int64_t column = s * shape.dilation.width;
          const int64_t phase = column % shape.stride.width;
          const int64_t columns = phase_columns(shape, phase);
          const int64_t pixel =
              seen * columns_before(shape, phase) + transposed_row * columns + column / shape.stride.width;
          simd_gemm_segments({range.filters, range.channels, shape.output.width * kLanes}, rows,
                             {dz + first * o.dz_row, o.dz_channel, o.dz_row},
                             {scratch + pixel * kTransposedPixel, panel_floats(shape, seen),
                              shape.stride.height * columns * kTransposedPixel},
                             Accumulate::kAdd, tap_gradient(r, s), of_filter);
        }
      }
    }
  }
}

}  // namespace gradloom
