#include "kernels/conv2d/grouped_channels.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/conv2d/grouped_channels.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"
#include "kernels/activation/relu-inl.h"
#include "kernels/conv2d/channel_vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// What one row or column of the result meets: `count` taps, `tap_step` apart, and for each the row or column of the
// other image.
struct TapRun {
  int64_t count;
  int64_t tap;
  int64_t tap_step;
  int64_t source;
  int64_t source_step;

  // The same taps, of other pixels equally far from each other.
  bool meets_as(const TapRun& other) const {
    return count == other.count && tap == other.tap && tap_step == other.tap_step && source_step == other.source_step;
  }
};

struct RunAxis : WindowAxis {
  TapRun forward(int64_t position) const {
    const int64_t start = position * stride - before;
    const TapRange taps = taps_on_image(start, dilation, window, input);
    return {taps.last - taps.first, taps.first, 1, start + taps.first * dilation, dilation};
  }

  // The outputs that meet this input: output * stride - before + tap * dilation = position.
  TapRun gradient(int64_t position) const {
    TapRun run{0, 0, 1, 0, 0};
    for (int64_t tap = 0; tap < window; ++tap) {
      const int64_t at = position + before - tap * dilation;
      if (at < 0 || at % stride != 0 || at / stride >= output) continue;
      if (run.count == 0) {
        run.tap = tap;
        run.source = at / stride;
      } else if (run.count == 1) {
        run.tap_step = tap - run.tap;
        run.source_step = at / stride - run.source;
      }
      ++run.count;
    }
    return run;
  }

  TapRun meets(GroupedPass pass, int64_t position) const {
    return pass == GroupedPass::kForward ? forward(position) : gradient(position);
  }
};

struct Operands {
  const float* from;
  int64_t row;  // floats from row to row
  int64_t width;
  int64_t parts;
  const float* weights;
  int64_t weights_row;
};

// Of kColumns pixels side by side: from the bias on, to where the output is.
template <int kColumns, class Of>
struct PixelSums {
  HWY_INLINE PixelSums(const GroupedOutput& output, int64_t lane, size_t rest) {
    for (int v = 0; v < Of::kCount; ++v) {
      const V start =
          output.bias == nullptr ? hn::Zero(D()) : load<Of::kCount, Of::kPartial>(output.bias + lane, v, rest);
      for (auto& pixel : of) pixel[v] = start;
    }
  }

  HWY_INLINE void store_to(float* to, int64_t width, bool positive, size_t rest) const {
    for (int q = 0; q < kColumns; ++q) {
      for (int v = 0; v < Of::kCount; ++v) {
        store<Of::kCount, Of::kPartial>(positive ? relu(of[q][v]) : of[q][v], to + q * width, v, rest);
      }
    }
  }

  V of[kColumns][Of::kCount];
};

// kColumns pixels side by side that meet the same taps, `apart` floats from each other where they read.
template <int kColumns, class Of>
HWY_INLINE void pixels(const Operands& o, const TapRun& rows, const TapRun& columns, int64_t apart,
                       const GroupedOutput& output, int64_t lane, size_t rest, float* to) {
  constexpr int kCount = Of::kCount;
  constexpr bool kPartial = Of::kPartial;
  const int64_t of_pixel = o.parts * o.width;
  PixelSums<kColumns, Of> sums(output, lane, rest);
  for (int64_t i = 0; i < rows.count; ++i) {
    const float* x = o.from + (rows.source + i * rows.source_step) * o.row + columns.source * of_pixel + lane;
    const float* w = o.weights + (rows.tap + i * rows.tap_step) * o.weights_row + columns.tap * of_pixel + lane;
    for (int64_t j = 0; j < columns.count; ++j) {
      for (int64_t at = 0; at < of_pixel; at += o.width) {
        for (int v = 0; v < kCount; ++v) {
          const V weight = load<kCount, kPartial>(w + at, v, rest);
          for (int q = 0; q < kColumns; ++q) {
            sums.of[q][v] = hn::MulAdd(load<kCount, kPartial>(x + q * apart + at, v, rest), weight, sums.of[q][v]);
          }
        }
      }
      x += columns.source_step * of_pixel;
      w += columns.tap_step * of_pixel;
    }
  }
  sums.store_to(to + lane, o.width, output.relu, rest);
}

// Depthwise: kColumns pixels side by side that meet all kTaps taps of the window's rows. Weights stay in registers.
template <int kTaps, int kColumns, class Of>
HWY_INLINE void depthwise_pixels(const Operands& o, const TapRun& rows, const TapRun& columns, int64_t apart,
                                 const GroupedOutput& output, int64_t lane, size_t rest, float* to) {
  constexpr int kCount = Of::kCount;
  constexpr bool kPartial = Of::kPartial;
  const int64_t step = columns.source_step * o.width;
  PixelSums<kColumns, Of> sums(output, lane, rest);
  const float* x = o.from + rows.source * o.row + columns.source * o.width + lane;
  const float* w = o.weights + rows.tap * o.weights_row + columns.tap * o.width + lane;
  for (int64_t i = 0; i < rows.count; ++i, x += rows.source_step * o.row, w += rows.tap_step * o.weights_row) {
    for (int v = 0; v < kCount; ++v) {
      V weights[kTaps];
      for (int j = 0; j < kTaps; ++j) weights[j] = load<kCount, kPartial>(w + j * columns.tap_step * o.width, v, rest);
      for (int j = 0; j < kTaps; ++j) {
        for (int q = 0; q < kColumns; ++q) {
          sums.of[q][v] =
              hn::MulAdd(load<kCount, kPartial>(x + q * apart + j * step, v, rest), weights[j], sums.of[q][v]);
        }
      }
    }
  }
  sums.store_to(to + lane, o.width, output.relu, rest);
}

// What a column meets, and how many from it on meet the same taps, `apart` floats from one to the next.
struct ColumnRun {
  TapRun taps;
  int64_t count = 1;
  int64_t apart = 0;
};

// Of columns [begin, end) of an image whose pixels are `of_pixel` floats.
void column_runs(const RunAxis& axis, GroupedPass pass, int64_t begin, int64_t end, int64_t of_pixel, ColumnRun* runs) {
  for (int64_t q = end; q-- > begin;) {
    ColumnRun& run = runs[q - begin];
    run = {axis.meets(pass, q)};
    if (q + 1 == end) continue;
    const ColumnRun& next = runs[q + 1 - begin];
    if (!run.taps.meets_as(next.taps)) continue;
    run.apart = (next.taps.source - run.taps.source) * of_pixel;
    run.count = next.count == 1 || run.apart == next.apart ? next.count + 1 : 2;
  }
}

constexpr int kStrip = HWY_MAX_BYTES >= 64 ? 4 : 2;  // with kVectors and weights as many as there are registers

// The `run.count` pixels from the row's one at `to` on, a strip at a time; the last one may begin before the end of the
// one before.
template <int kTaps>
HWY_INLINE void depthwise_strips(const Operands& o, const TapRun& rows, const ColumnRun& run,
                                 const GroupedOutput& output, float* to) {
  for_lanes(o.width, [&](auto of, int64_t lane, size_t rest) HWY_ATTR {
    Operands strip = o;
    for (int64_t q = 0; q < run.count; q += kStrip) {
      const int64_t first = HWY_MIN(q, run.count - kStrip);
      strip.from = o.from + first * run.apart;
      depthwise_pixels<kTaps, kStrip, decltype(of)>(strip, rows, run.taps, run.apart, output, lane, rest,
                                                    to + first * o.width);
    }
  });
}

// Pixels from the one at `to` on; returns how many.
HWY_INLINE int64_t some_pixels(const Operands& o, const TapRun& rows, const ColumnRun& run, const GroupedOutput& output,
                               float* to) {
  if (o.parts == 1 && run.count >= kStrip) {
    switch (run.taps.count) {
      case 3: depthwise_strips<3>(o, rows, run, output, to); return run.count;
      case 5: depthwise_strips<5>(o, rows, run, output, to); return run.count;
      case 7: depthwise_strips<7>(o, rows, run, output, to); return run.count;
      default: break;
    }
  }
  const bool two = run.count > 1;
  for_lanes(o.width, [&](auto of, int64_t lane, size_t rest) HWY_ATTR {
    two ? pixels<2, decltype(of)>(o, rows, run.taps, run.apart, output, lane, rest, to)
        : pixels<1, decltype(of)>(o, rows, run.taps, 0, output, lane, rest, to);
  });
  return two ? 2 : 1;
}

void Rows(const GroupedShape& shape, GroupedPass pass, int64_t first, int64_t count, const float* spread,
          const float* packed, const GroupedOutput& output) {
  constexpr int64_t kColumns = 32;
  const Window2d& w = shape.window;
  const bool forward = pass == GroupedPass::kForward;
  const int64_t from_columns = forward ? w.input.width : w.output.width;
  const int64_t to_columns = forward ? w.output.width : w.input.width;
  const int64_t width = shape.width(pass);
  const int64_t of_pixel = shape.parts(pass) * width;
  const Operands o{spread, from_columns * of_pixel, width, shape.parts(pass), packed, w.window.width * of_pixel};
  ColumnRun runs[kColumns];
  for (int64_t begin = 0; begin < to_columns; begin += kColumns) {
    const int64_t end = HWY_MIN(begin + kColumns, to_columns);
    column_runs({columns_of(w)}, pass, begin, end, of_pixel, runs);
    for (int64_t p = first; p < first + count; ++p) {
      const TapRun rows = RunAxis{rows_of(w)}.meets(pass, p);
      for (int64_t q = begin; q < end;) {
        q += some_pixels(o, rows, runs[q - begin], output, output.to + (p * to_columns + q) * width);
      }
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(Rows);

void grouped_pack_weights(const GroupedShape& shape, GroupedPass pass, int64_t tap, const float* weights,
                          float* packed) {
  const int64_t channels = shape.channels / shape.groups;
  const int64_t filters = shape.filters / shape.groups;
  const int64_t width = shape.width(pass);
  float* const to = packed + tap * shape.parts(pass) * width;
  for (int64_t k = 0; k < shape.filters; ++k) {
    const float* const from = weights + (k * shape.window.taps() + tap) * channels;
    for (int64_t c = 0; c < channels; ++c) {
      const int64_t at =
          pass == GroupedPass::kForward ? c * width + k : k % filters * width + k / filters * channels + c;
      to[at] = from[c];
    }
  }
}

void grouped_spread(const GroupedShape& shape, GroupedPass pass, int64_t pixels, const float* image, float* spread) {
  const int64_t parts = shape.parts(pass);
  const int64_t width = shape.width(pass);
  const int64_t of_group = width / shape.groups;
  for (int64_t pixel = 0; pixel < pixels; ++pixel, spread += parts * width) {
    for (int64_t group = 0; group < shape.groups; ++group) {
      for (int64_t part = 0; part < parts; ++part, ++image) {
        std::fill_n(spread + part * width + group * of_group, of_group, *image);
      }
    }
  }
}

Tiling grouped_row_tiles(const GroupedShape& shape, GroupedPass pass) {
  const Extent2d& to = pass == GroupedPass::kForward ? shape.window.output : shape.window.input;
  return tile_rows(to.height, to.width * shape.width(pass));
}

void conv2d_grouped_channels(const GroupedShape& shape, GroupedPass pass, const Tiling& rows, int64_t tile,
                             const float* spread, const float* packed, const GroupedOutput& output) {
  HWY_DYNAMIC_DISPATCH(Rows)(shape, pass, rows.first(tile), rows.size(tile), spread, packed, output);
}

}  // namespace gradloom
#endif  // HWY_ONCE
