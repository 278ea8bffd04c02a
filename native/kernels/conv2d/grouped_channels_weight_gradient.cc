#include "kernels/conv2d/grouped_channels.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/conv2d/grouped_channels_weight_gradient.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"
#include "kernels/conv2d/channel_vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

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
HWY_EXPORT(WeightGradient);

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
