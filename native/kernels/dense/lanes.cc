#include "kernels/dense/lanes.h"

#include <algorithm>
#include <type_traits>

#include "common/checked.h"
#include "kernels/layout/lanes.h"
#include "kernels/tiling.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/dense/lanes.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"
#include "hwy/cache_control.h"
#include "kernels/layout/transpose-inl.h"
#include "kernels/vectors/in_register-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, kLanes>;
using V = hn::Vec<D>;

// Sums of one vector of samples that fill the registers, beside the samples and a weight.
constexpr int kUnitTile = HWY_MAX_BYTES >= 64 ? 16 : 12;

// Pixels whose weights stay in L1 while the gradients of a channel's pixels are written side by side:
// those of one pixel's channels lie in the same cache sets where images come to a power of two.
constexpr int64_t kPixelBlock = 16;
// Of these, whose sums run beside each other.
constexpr int kPixelTile = 4;

// Images of 16 samples of so many floats come from beyond a small L2.
constexpr int64_t kFarFloats = 64 * 1024;

// Calls body(std::integral_constant<int, count>), for 1 <= count <= kMost.
template <int kMost, class Body>
HWY_INLINE void with_constant(int64_t count, Body body) {
  if constexpr (kMost > 1) {
    if (count < kMost) return with_constant<kMost - 1>(count, body);
  }
  body(std::integral_constant<int, kMost>());
}

// sums[u][lanes of a vector] for kUnits units, whose first weight is at `weight`, and the vector of samples at `x`.
// kPrefetches: channels lie pages apart, which no hardware prefetcher follows.
template <int kUnits, bool kPrefetches>
HWY_INLINE void sum_units(const DenseLanesShape& shape, const float* HWY_RESTRICT x, const float* HWY_RESTRICT weight,
                          float* HWY_RESTRICT sums) {
  const D d;
  V sum[kUnits];
  for (int u = 0; u < kUnits; ++u) sum[u] = hn::Zero(d);
  for (int64_t p = 0; p < shape.pixels; ++p) {
    for (int64_t c = 0; c < shape.channels; ++c, weight += shape.units) {
      const float* const at = x + (c * shape.pixels + p) * kLanes;
      if constexpr (kPrefetches) hwy::Prefetch(at + kLanes);
      const V values = hn::Load(d, at);
      for (int u = 0; u < kUnits; ++u) sum[u] = hn::MulAdd(hn::Set(d, weight[u]), values, sum[u]);
    }
  }
  for (int u = 0; u < kUnits; ++u) hn::Store(sum[u], d, sums + u * kLanes);
}

void Forward(const DenseLanesShape& shape, const float* x, const float* weight, int64_t samples, float* y) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(D()));
  HWY_ALIGN float sums[kMostLanesUnits * kLanes];
  const int64_t tiles = (shape.units + kUnitTile - 1) / kUnitTile;
  const bool prefetches = shape.pixels * shape.channels * kLanes >= kFarFloats;
  for (int64_t t = 0; t < tiles; ++t) {
    const int64_t first = t * shape.units / tiles;
    with_constant<kUnitTile>((t + 1) * shape.units / tiles - first, [&](auto units) HWY_ATTR {
      for (int64_t lane = 0; lane < kLanes; lane += lanes) {
        prefetches ? sum_units<units(), true>(shape, x + lane, weight + first, sums + first * kLanes + lane)
                   : sum_units<units(), false>(shape, x + lane, weight + first, sums + first * kLanes + lane);
      }
    });
  }
  transpose_matrix(shape.units, samples, sums, kLanes, y, shape.units);
}

// dx of kPixels pixels of a channel, whose weights lie `pixel` floats apart. Their sums run beside each other.
template <int kPixels, int kUnits>
HWY_INLINE void sum_gradients(const float* HWY_RESTRICT weight, int64_t pixel, const V (&gradients)[kUnits],
                              float* HWY_RESTRICT dx) {
  const D d;
  const float* HWY_RESTRICT of_pixel[kPixels];
  for (int p = 0; p < kPixels; ++p) of_pixel[p] = in_register(weight + p * pixel);
  V sum[kPixels];
  for (int p = 0; p < kPixels; ++p) sum[p] = hn::Zero(d);
  for (int u = 0; u < kUnits; ++u) {
    for (int p = 0; p < kPixels; ++p) {
      sum[p] = hn::MulAdd(hn::Set(d, of_pixel[p][u]), gradients[u], sum[p]);
    }
  }
  for (int p = 0; p < kPixels; ++p) hn::Store(sum[p], d, dx + p * kLanes);
}

void InputGradient(const DenseLanesShape& shape, const float* weight, const float* dz, int64_t samples, int64_t first,
                   int64_t count, float* dx) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  HWY_ALIGN float columns[kMostLanesUnits * kLanes] = {};
  transpose_matrix(samples, shape.units, dz, shape.units, columns, kLanes);
  with_constant<kMostLanesUnits>(shape.units, [&](auto units) HWY_ATTR {
    const int64_t pixel = shape.channels * units();
    for (int64_t lane = 0; lane < kLanes; lane += lanes) {
      V gradients[units()];
      for (int u = 0; u < units(); ++u) gradients[u] = hn::Load(d, columns + u * kLanes + lane);
      for (int64_t begin = first; begin < first + count; begin += kPixelBlock) {
        const int64_t end = std::min(begin + kPixelBlock, first + count);
        for (int64_t c = 0; c < shape.channels; ++c) {
          float* HWY_RESTRICT to = dx + (c * shape.pixels + begin) * kLanes + lane;
          const float* HWY_RESTRICT w = weight + (begin * shape.channels + c) * units();
          int64_t p = begin;
          for (; p + kPixelTile <= end; p += kPixelTile, to += kPixelTile * kLanes, w += kPixelTile * pixel) {
            sum_gradients<kPixelTile>(w, pixel, gradients, to);
          }
          for (; p < end; ++p, to += kLanes, w += pixel) sum_gradients<1>(w, pixel, gradients, to);
        }
      }
    }
  });
}

// The gradient of the weights takes so many samples at a time: their dz stays in L1 beside x, and their sum is made in
// registers before it is added to the others'.
constexpr int64_t kSamplesOfSum = 16 * kLanes;

// Vectors of units of a tile, and pixels whose sums fill the registers beside these and a value.
constexpr int kGradientVectors = HWY_MAX_BYTES >= 64 ? 1 : 2;
constexpr int kGradientPixels = HWY_MAX_BYTES >= 64 ? 16 : 6;

// to[p, u] = sum over `samples` of x[p, n] dz[n, u] for kPixels pixels of a channel and kVectors vectors of units.
// `block`: floats of x from 16 samples to the next; `stride`: of `to` from pixel to pixel. Rows of dz: kMostLanesUnits
// floats.
template <int kPixels, int kVectors>
HWY_INLINE void sum_products(const float* HWY_RESTRICT x, int64_t block, const float* HWY_RESTRICT dz, int64_t samples,
                             int64_t stride, float* HWY_RESTRICT to) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  V sum[kPixels][kVectors];
  for (auto& of_pixel : sum) {
    for (V& s : of_pixel) s = hn::Zero(d);
  }
  for (; samples > 0; samples -= kLanes, x += block) {
    const int64_t count = std::min(samples, kLanes);
    for (int64_t n = 0; n < count; ++n, dz += kMostLanesUnits) {
      V units[kVectors];
      for (int v = 0; v < kVectors; ++v) units[v] = in_register(hn::Load(d, dz + v * lanes));
      for (int p = 0; p < kPixels; ++p) {
        const V value = hn::Set(d, x[p * kLanes + n]);
        for (int v = 0; v < kVectors; ++v) sum[p][v] = hn::MulAdd(value, units[v], sum[p][v]);
      }
    }
  }
  for (int p = 0; p < kPixels; ++p) {
    for (int v = 0; v < kVectors; ++v) hn::StoreU(sum[p][v], d, to + p * stride + v * lanes);
  }
}

// The first `units` of each row of sums, to rows of gradient that lie `pixel` floats apart, or added to these.
void put_sums(int64_t rows, int64_t units, const float* HWY_RESTRICT sums, bool add, int64_t pixel,
              float* HWY_RESTRICT gradient) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t row = 0; row < rows; ++row, sums += kMostLanesUnits, gradient += pixel) {
    for (int64_t u = 0; u < units; u += lanes) {
      const auto rest = static_cast<size_t>(units - u);
      const V sum = hn::Load(d, sums + u);
      store_first(add ? hn::Add(load_first(d, gradient + u, rest), sum) : sum, d, gradient + u, rest);
    }
  }
}

// Named apart from the one of kernels/dense/narrow.cc, which has the same arguments.
void LanesWeightGradient(const DenseLanesShape& shape, int64_t batch, const float* x, const float* dz, int64_t first,
                         int64_t count, float* gradient) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t plane = shape.pixels * kLanes;
  const int64_t block = shape.channels * plane;
  const int64_t pixel = shape.channels * shape.units;
  const int64_t vectors = ceil_divide(shape.units, lanes);
  const EvenTiling tiles = cut_evenly(count, kGradientPixels);
  HWY_ALIGN float rows[kSamplesOfSum * kMostLanesUnits];
  for (int64_t sample = 0; sample < batch; sample += kSamplesOfSum) {
    const int64_t samples = std::min(kSamplesOfSum, batch - sample);
    for (int64_t n = 0; n < samples; ++n) {
      for (int64_t u = 0; u < shape.units; u += lanes) {
        const auto rest = static_cast<size_t>(shape.units - u);
        hn::Store(load_first(d, dz + (sample + n) * shape.units + u, rest), d, rows + n * kMostLanesUnits + u);
      }
    }
    for (int64_t t = 0; t < tiles.count; ++t) {
      const float* of_channel = x + sample / kLanes * block + (first + tiles.first(t)) * kLanes;
      float* to = gradient + tiles.first(t) * pixel;
      with_constant<kGradientPixels>(tiles.size(t), [&](auto pixels) HWY_ATTR {
        const auto sum_channel = [&](int64_t stride, float* sums) HWY_ATTR {
          for (int64_t v = 0; v < vectors; v += kGradientVectors) {
            with_constant<kGradientVectors>(vectors - v, [&](auto of_tile) HWY_ATTR {
              const int64_t u = v * lanes;
              sum_products<pixels(), of_tile()>(of_channel, block, rows + u, samples, stride, sums + u);
            });
          }
        };
        for (int64_t c = 0; c < shape.channels; ++c, of_channel += plane, to += shape.units) {
          // What a vector has behind the units goes to the channels behind, which are summed later, if there are such.
          if (sample == 0 && c * shape.units + vectors * lanes <= pixel) {
            sum_channel(pixel, to);
          } else {
            HWY_ALIGN float sums[kGradientPixels * kMostLanesUnits];
            sum_channel(kMostLanesUnits, sums);
            put_sums(pixels(), shape.units, sums, sample > 0, pixel, to);
          }
        }
      });
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(Forward);
HWY_EXPORT(InputGradient);
HWY_EXPORT(LanesWeightGradient);

void dense_lanes_forward(const DenseLanesShape& shape, const float* x, const float* weight, int64_t samples, float* y) {
  HWY_DYNAMIC_DISPATCH(Forward)(shape, x, weight, samples, y);
}

void dense_lanes_input_gradient(const DenseLanesShape& shape, const float* weight, const float* dz, int64_t samples,
                                int64_t first, int64_t count, float* dx) {
  HWY_DYNAMIC_DISPATCH(InputGradient)(shape, weight, dz, samples, first, count, dx);
}

void dense_lanes_weight_gradient(const DenseLanesShape& shape, int64_t batch, const float* x, const float* dz,
                                 int64_t first, int64_t count, float* gradient) {
  HWY_DYNAMIC_DISPATCH(LanesWeightGradient)(shape, batch, x, dz, first, count, gradient);
}

}  // namespace gradloom
#endif  // HWY_ONCE
