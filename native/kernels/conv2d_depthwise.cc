#include "kernels/conv2d_depthwise.h"

#include <algorithm>
#include <type_traits>

#include "kernels/lanes.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/conv2d_depthwise.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"
#include "kernels/in_register-inl.h"
#include "kernels/relu-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, kLanes>;
using V = hn::Vec<D>;

// Output pixels side by side: at least as many sums as multiply-adds are under way at once, beside the weights of a
// window. 5x5 of these fill 25 of AVX-512's 32 registers.
constexpr int pixels_of_tile(int taps) { return HWY_MAX_BYTES >= 64 ? (taps > 9 ? 4 : 8) : 4; }

// A window over one plane.
struct DepthwiseRow {
  int64_t window_row;  // floats from tap row to tap row
  int64_t tap;         // from tap to tap
  int64_t pixel;       // from output pixel to output pixel
  int64_t y_pixel;
};

template <int kRows, int kColumns, int kPixels>
HWY_INLINE void depthwise_tile(const DepthwiseRow& row, const float* HWY_RESTRICT x, const V (&weight)[kRows][kColumns],
                               V bias, Activation activation, float* HWY_RESTRICT y) {
  const D d;
  V sum[kPixels];
  for (auto& s : sum) s = bias;
  for (int r = 0; r < kRows; ++r) {
    for (int s = 0; s < kColumns; ++s) {
      const float* HWY_RESTRICT from = x + r * row.window_row + s * row.tap;
      for (int j = 0; j < kPixels; ++j) sum[j] = hn::MulAdd(hn::Load(d, from + j * row.pixel), weight[r][s], sum[j]);
    }
  }
  for (int j = 0; j < kPixels; ++j) {
    if (activation == Activation::kRelu) sum[j] = relu(sum[j]);
    hn::Store(sum[j], d, y + j * row.y_pixel);
  }
}

// What is left of a row after tiles of twice as many pixels.
template <int kRows, int kColumns, int kPixels>
HWY_INLINE void depthwise_rest(const DepthwiseRow& row, const float* x, const V (&weight)[kRows][kColumns], V bias,
                               Activation activation, int64_t pixels, float* y) {
  if constexpr (kPixels > 0) {
    if (pixels >= kPixels) {
      depthwise_tile<kRows, kColumns, kPixels>(row, x, weight, bias, activation, y);
      x += kPixels * row.pixel;
      y += kPixels * row.y_pixel;
      pixels -= kPixels;
    }
    depthwise_rest<kRows, kColumns, kPixels / 2>(row, x, weight, bias, activation, pixels, y);
  }
}

template <int kRows, int kColumns>
void depthwise_plane(const DirectShape& shape, const float* x, const float* weights, const float* bias,
                     Activation activation, const DirectOutput& y) {
  constexpr int kPixels = pixels_of_tile(kRows * kColumns);
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  V weight[kRows][kColumns];
  for (int r = 0; r < kRows; ++r) {
    for (int s = 0; s < kColumns; ++s) weight[r][s] = hn::Set(d, weights[r * kColumns + s]);
  }
  const V start = bias == nullptr ? hn::Zero(d) : hn::Set(d, *bias);
  const DepthwiseRow row{shape.dilation.height * shape.input.width * kLanes, shape.dilation.width * kLanes,
                         shape.stride.width * kLanes, y.pixel};
  for (int64_t p = 0; p < shape.output.height; ++p) {
    for (int64_t lane = 0; lane < shape.lanes; lane += lanes) {
      const float* from = x + p * shape.stride.height * shape.input.width * kLanes + lane;
      float* to = y.data + p * y.row + lane;
      int64_t left = shape.output.width;
      for (; left >= kPixels; left -= kPixels, from += kPixels * row.pixel, to += kPixels * row.y_pixel) {
        depthwise_tile<kRows, kColumns, kPixels>(row, from, weight, start, activation, to);
      }
      depthwise_rest<kRows, kColumns, kPixels / 2>(row, from, weight, start, activation, left, to);
    }
    for (int64_t lane = std::max(shape.lanes, lanes); lane < kLanes; lane += lanes) {
      float* const to = y.data + p * y.row + lane;
      for (int64_t q = 0; q < shape.output.width; ++q) hn::Store(hn::Zero(d), d, to + q * y.pixel);
    }
  }
}

// Adds what the first kLive lanes of a block say.
template <int kLive, int kRows, int kColumns>
HWY_INLINE void depthwise_terms(const DirectShape& shape, const float* x, const float* dz, int64_t dz_row,
                                int64_t dz_pixel, V (&sum)[kRows][kColumns]) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t line = shape.input.width * kLanes;
  for (int64_t p = 0; p < shape.output.height; ++p) {
    const float* HWY_RESTRICT x_at = x + p * shape.stride.height * line;
    const float* HWY_RESTRICT dz_at = dz + p * dz_row;
    for (int64_t q = 0; q < shape.output.width; ++q, x_at += shape.stride.width * kLanes, dz_at += dz_pixel) {
      for (int64_t lane = 0; lane < kLive; lane += lanes) {
        const V g = in_register(hn::Load(d, dz_at + lane));
        for (int r = 0; r < kRows; ++r) {
          const float* HWY_RESTRICT from = x_at + r * shape.dilation.height * line + lane;
          for (int s = 0; s < kColumns; ++s) {
            sum[r][s] = hn::MulAdd(hn::Load(d, from + s * shape.dilation.width * kLanes), g, sum[r][s]);
          }
        }
      }
    }
  }
}

// All sums of a window in registers, so that each pixel's gradient is read once.
template <int kRows, int kColumns>
void depthwise_gradient(const DirectShape& shape, const WeightGradientOperands& o, bool add, float* gradient) {
  const D d;
  V sum[kRows][kColumns];
  for (auto& of_row : sum) {
    for (auto& s : of_row) s = hn::Zero(d);
  }
  for (int64_t block = 0; block < o.blocks; ++block) {
    const float* const x = o.x + block * o.x_block;
    const float* const dz = o.dz + block * o.dz_block;
    if (block + 1 == o.blocks && o.lanes <= kHalfLanes) {
      depthwise_terms<kHalfLanes>(shape, x, dz, o.dz_row, o.dz_pixel, sum);
    } else {
      depthwise_terms<kLanes>(shape, x, dz, o.dz_row, o.dz_pixel, sum);
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int s = 0; s < kColumns; ++s) {
      float& out = gradient[r * kColumns + s];
      const float total = hn::ReduceSum(d, sum[r][s]);
      out = add ? out + total : total;
    }
  }
}

// Calls body(std::integral_constant<int, rows>, the same of columns) of a window that fits.
template <class Body>
HWY_INLINE void with_window(const Extent2d& window, Body body) {
  using One = std::integral_constant<int, 1>;
  using Two = std::integral_constant<int, 2>;
  using Three = std::integral_constant<int, 3>;
  using Five = std::integral_constant<int, 5>;
  const auto with_columns = [&](auto rows) {
    switch (window.width) {
      case 1: return body(rows, One());
      case 2: return body(rows, Two());
      default: return body(rows, Three());
    }
  };
  switch (window.height) {
    case 1: return with_columns(One());
    case 2: return with_columns(Two());
    case 3: return with_columns(Three());
    default: return body(Five(), Five());
  }
}

void Forward(const DirectShape& shape, const float* x, const float* weights, const float* bias, Activation activation,
             const DirectOutput& y) {
  with_window(shape.window, [&](auto rows, auto columns) {
    depthwise_plane<rows(), columns()>(shape, x, weights, bias, activation, y);
  });
}

void WeightGradient(const DirectShape& shape, const WeightGradientOperands& operands, bool add, float* gradient) {
  with_window(shape.window,
              [&](auto rows, auto columns) { depthwise_gradient<rows(), columns()>(shape, operands, add, gradient); });
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(Forward);
HWY_EXPORT(WeightGradient);

bool depthwise_fits(const DirectShape& shape) {
  const auto& [height, width] = shape.window;
  const bool small = height >= 1 && height <= 3 && width >= 1 && width <= 3;
  return shape.channels == 1 && shape.filters == 1 && (small || (height == 5 && width == 5));
}

void conv2d_depthwise_forward(const DirectShape& shape, const float* x, const float* weights, const float* bias,
                              Activation activation, const DirectOutput& y) {
  HWY_DYNAMIC_DISPATCH(Forward)(shape, x, weights, bias, activation, y);
}

void conv2d_depthwise_weight_gradient(const DirectShape& shape, const WeightGradientOperands& operands,
                                      Accumulate accumulate, float* gradient) {
  HWY_DYNAMIC_DISPATCH(WeightGradient)(shape, operands, accumulate == Accumulate::kAdd, gradient);
}

}  // namespace gradloom
#endif  // HWY_ONCE
