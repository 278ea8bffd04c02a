#include "kernels/conv2d/grouped_channels.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/conv2d/grouped_channels.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"
#include "kernels/activation/relu-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

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

// Vectors of channels side by side, so that sums do not wait for each other.
constexpr int kVectors = 4;

// Vector v of kCount; with kPartial the last one has `rest` lanes only.
template <int kCount, bool kPartial>
HWY_INLINE V load(const float* from, int v, size_t rest) {
  const D d;
  from += v * static_cast<int64_t>(hn::Lanes(d));
  return kPartial && v == kCount - 1 ? load_first(d, from, rest) : hn::LoadU(d, from);
}

template <int kCount, bool kPartial>
HWY_INLINE void store(V value, float* to, int v, size_t rest) {
  const D d;
  to += v * static_cast<int64_t>(hn::Lanes(d));
  const bool partial = kPartial && v == kCount - 1;
  partial ? store_first(value, d, to, rest) : hn::StoreU(value, d, to);
}

template <int kSize, bool kRest>
struct Vectors {
  static constexpr int kCount = kSize;
  static constexpr bool kPartial = kRest;
};

// Calls body(Vectors(), first lane, lanes of the last vector if it is partial) for all of them, up to kVectors vectors
// at a time.
template <class Body>
HWY_INLINE void for_lanes(int64_t width, Body body) {
  static_assert(kVectors == 4);
  const auto lanes = static_cast<int64_t>(hn::Lanes(D()));
  for (int64_t c = 0; c < width; c += kVectors * lanes) {
    const int64_t count = HWY_MIN(width - c, kVectors * lanes);
    const auto rest = static_cast<size_t>(count % lanes);
    switch ((count + lanes - 1) / lanes * 2 + (rest > 0 ? 1 : 0)) {
      case 2: body(Vectors<1, false>(), c, rest); break;
      case 3: body(Vectors<1, true>(), c, rest); break;
      case 4: body(Vectors<2, false>(), c, rest); break;
      case 5: body(Vectors<2, true>(), c, rest); break;
      case 6: body(Vectors<3, false>(), c, rest); break;
      case 7: body(Vectors<3, true>(), c, rest); break;
      case 8: body(Vectors<4, false>(), c, rest); break;
      default: body(Vectors<4, true>(), c, rest); break;
    }
  }
}

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

// A pixel of the output is loaded once for them.
constexpr int kRunTaps = GroupedTaps::kMost;

// Outputs from `begin` to `end` whose input lies inside, and the input that the first one meets.
struct TapColumns {
  int64_t begin;
  int64_t end;
  int64_t input;
};

// Over a row of the output, sum[tap][vector] of kCount vectors of channels. Every sum goes by columns in order: first
// those that not all taps meet, then those that all of them do, then the others.
template <int kRun, int kCount, bool kPartial>
HWY_INLINE void sum_row(const TapColumns* taps, int64_t columns, const float* in, int64_t in_step, const float* out,
                        int64_t out_step, size_t rest, float* sums) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  V sum[kRun][kCount];
  for (auto& of_tap : sum) {
    for (auto& s : of_tap) s = hn::Zero(d);
  }
  int64_t all_begin = taps[0].begin;
  int64_t all_end = taps[0].end;
  for (int t = 1; t < kRun; ++t) {
    all_begin = HWY_MAX(all_begin, taps[t].begin);
    all_end = HWY_MIN(all_end, taps[t].end);
  }
  all_end = HWY_MAX(all_begin, all_end);
  int64_t from[kRun];
  for (int t = 0; t < kRun; ++t) from[t] = taps[t].input - taps[t].begin * in_step;
  const auto alone = [&](int64_t begin, int64_t end) HWY_ATTR {
    for (int t = 0; t < kRun; ++t) {
      for (int64_t q = HWY_MAX(begin, taps[t].begin); q < HWY_MIN(end, taps[t].end); ++q) {
        for (int v = 0; v < kCount; ++v) {
          sum[t][v] = hn::MulAdd(load<kCount, kPartial>(in + (from[t] + q * in_step), v, rest),
                                 load<kCount, kPartial>(out + q * out_step, v, rest), sum[t][v]);
        }
      }
    }
  };
  alone(0, all_begin);
  for (int64_t q = all_begin; q < all_end; ++q) {
    for (int v = 0; v < kCount; ++v) {
      const V of_output = load<kCount, kPartial>(out + q * out_step, v, rest);
      for (int t = 0; t < kRun; ++t) {
        sum[t][v] = hn::MulAdd(load<kCount, kPartial>(in + (from[t] + q * in_step), v, rest), of_output, sum[t][v]);
      }
    }
  }
  alone(all_end, columns);
  // Row by row, so that long sums meet in parts.
  for (int t = 0; t < kRun; ++t) {
    for (int v = 0; v < kCount; ++v, sums += lanes) hn::Store(hn::Add(hn::Load(d, sums), sum[t][v]), d, sums);
  }
}

// Filters of a job: whole lines of each pixel, and kVectors vectors, so that sums do not wait for each other, or half
// of them where there would be a single job.
int64_t GradientFilters(int64_t filters) {
  constexpr int64_t kLine = 16;
  const auto lanes = static_cast<int64_t>(hn::Lanes(D()));
  const int64_t vectors = filters <= kVectors * lanes ? kVectors / 2 : kVectors;
  return HWY_MAX(kLine, vectors * lanes);
}

void WeightGradient(const GroupedShape& shape, int64_t images, const GroupedTaps& taps, int64_t part, int64_t first,
                    int64_t count, const float* spread, const float* dz, bool add, float* gradient) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const Window2d& w = shape.window;
  const int64_t parts = shape.parts(GroupedPass::kForward);
  const int64_t of_pixel = parts * shape.filters;
  const auto begin_of = [](int64_t offset, int64_t stride) { return offset < 0 ? (-offset + stride - 1) / stride : 0; };
  const auto end_of = [](int64_t offset, int64_t stride, int64_t input, int64_t output) {
    return input <= offset ? 0 : HWY_MIN(output, (input - 1 - offset) / stride + 1);
  };
  const int64_t down = taps.row * w.dilation.height - w.padding.top;
  const int64_t p_begin = begin_of(down, w.stride.height);
  const int64_t p_end = end_of(down, w.stride.height, w.input.height, w.output.height);
  const int64_t in_step = w.stride.width * of_pixel;
  TapColumns columns[kRunTaps];
  for (int64_t t = 0; t < taps.count; ++t) {
    const int64_t right = (taps.column + t) * w.dilation.width - w.padding.left;
    const int64_t begin = begin_of(right, w.stride.width);
    columns[t] = {begin, end_of(right, w.stride.width, w.input.width, w.output.width),
                  (begin * w.stride.width + right) * of_pixel};
  }
  HWY_ALIGN float sums[kRunTaps * kVectors * HWY_MAX_BYTES / sizeof(float)];
  for_lanes(count, [&](auto of, int64_t of_job, size_t rest) HWY_ATTR {
    constexpr int kCount = decltype(of)::kCount;
    constexpr bool kPartial = decltype(of)::kPartial;
    const int64_t filter = first + of_job;
    const int64_t stored = HWY_MIN(kCount * lanes, count - of_job);
    const auto at = [&](int64_t t, int64_t k) {
      const int64_t tap = taps.row * w.window.width + taps.column + t;
      return ((filter + k) * w.taps() + tap) * parts + part;
    };
    std::fill_n(sums, taps.count * kCount * lanes, 0.0F);
    for (int64_t t = 0; add && t < taps.count; ++t) {
      for (int64_t k = 0; k < stored; ++k) sums[t * kCount * lanes + k] = gradient[at(t, k)];
    }
    for (int64_t image = 0; image < images; ++image) {
      for (int64_t p = p_begin; p < p_end; ++p) {
        const int64_t row = image * w.input.height + p * w.stride.height + down;
        const float* in = spread + row * w.input.width * of_pixel + part * shape.filters + filter;
        const float* out = dz + (image * w.output.height + p) * w.output.width * shape.filters + filter;
        static_assert(kRunTaps == 3);
        switch (taps.count) {
          case 1:
            sum_row<1, kCount, kPartial>(columns, w.output.width, in, in_step, out, shape.filters, rest, sums);
            break;
          case 2:
            sum_row<2, kCount, kPartial>(columns, w.output.width, in, in_step, out, shape.filters, rest, sums);
            break;
          default:
            sum_row<kRunTaps, kCount, kPartial>(columns, w.output.width, in, in_step, out, shape.filters, rest, sums);
            break;
        }
      }
    }
    for (int64_t t = 0; t < taps.count; ++t) {
      for (int64_t k = 0; k < stored; ++k) gradient[at(t, k)] = sums[t * kCount * lanes + k];
    }
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(GradientFilters);
HWY_EXPORT(Rows);
HWY_EXPORT(WeightGradient);

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

Tiling grouped_gradient_tiles(const GroupedShape& shape) {
  const int64_t most = HWY_DYNAMIC_DISPATCH(GradientFilters)(shape.filters);
  return cut(shape.filters, ceil_divide(shape.filters, most), most);
}

int64_t grouped_gradient_runs(const GroupedShape& shape) {
  return shape.window.window.height * ceil_divide(shape.window.window.width, GroupedTaps::kMost);
}

namespace {

GroupedTaps taps_of_run(const GroupedShape& shape, int64_t run) {
  const int64_t of_row = ceil_divide(shape.window.window.width, GroupedTaps::kMost);
  const int64_t column = run % of_row * GroupedTaps::kMost;
  return {run / of_row, column, std::min(GroupedTaps::kMost, shape.window.window.width - column)};
}

}  // namespace

void conv2d_grouped_channels_weight_gradient(const GroupedShape& shape, int64_t images, int64_t run,
                                             int64_t filter_tile, const float* spread, const float* dz,
                                             Accumulate accumulate, float* gradient) {
  const Tiling tiles = grouped_gradient_tiles(shape);
  for (int64_t part = 0; part < shape.parts(GroupedPass::kForward); ++part) {
    HWY_DYNAMIC_DISPATCH(WeightGradient)
    (shape, images, taps_of_run(shape, run), part, tiles.first(filter_tile), tiles.size(filter_tile), spread, dz,
     accumulate == Accumulate::kAdd, gradient);
  }
}

}  // namespace gradloom
#endif  // HWY_ONCE
