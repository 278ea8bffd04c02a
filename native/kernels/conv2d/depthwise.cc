#include "kernels/conv2d/depthwise.h"

#include <algorithm>
#include <type_traits>

#include "common/checked.h"
#include "kernels/tiling.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/conv2d/depthwise.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"
#include "kernels/activation/relu-inl.h"
#include "kernels/vectors/in_register-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, kLanes>;
using V = hn::Vec<D>;

// Pixels whose sums are made at once, beside a weight and, on their way into them, from memory.
constexpr int kMostPixels = HWY_MAX_BYTES >= 64 ? 14 : 12;
// The same beside the weights of a small window.
constexpr int kPixels = HWY_MAX_BYTES >= 64 ? 8 : 4;

// Positions [first, end) of an axis.
struct Range {
  int64_t first;
  int64_t end;

  HWY_INLINE int64_t size() const { return end - first; }
};

struct PlaneAxis : WindowAxis {
  HWY_INLINE int64_t start(int64_t position) const { return position * stride - before; }
  // The taps that meet something.
  HWY_INLINE Range met(int64_t position) const {
    const TapRange on = taps_on_image(start(position), dilation, window, input);
    return {on.first, HWY_MAX(on.first, on.last)};
  }
  // Positions whose taps all do.
  Range inside() const {
    const int64_t first = count_before(before, stride, output);
    const int64_t reach = (window - 1) * dilation;
    return {first, std::max(first, count_before(input - reach + before, stride, output))};
  }
};

struct Axes {
  PlaneAxis rows;
  PlaneAxis columns;

  explicit Axes(const Window2d& w) : rows{rows_of(w)}, columns{columns_of(w)} {}

  // Whether the windows of some pixels reach over one.
  bool has_edges() const { return rows.inside().size() < rows.output || columns.inside().size() < columns.output; }
  HWY_INLINE int64_t tap() const { return columns.dilation * kLanes; }
  HWY_INLINE int64_t tap_row() const { return rows.dilation * columns.input * kLanes; }
  HWY_INLINE int64_t pixel() const { return columns.stride * kLanes; }
  // From the plane's first pixel to where the window of an output pixel begins, which may be beyond an edge.
  HWY_INLINE int64_t at(int64_t p, int64_t q) const {
    return (rows.start(p) * columns.input + columns.start(q)) * kLanes;
  }
};

// Calls body(std::integral_constant<int, rows>, the same of columns) of a window of up to 3x3, or 5x5.
template <class Body>
HWY_INLINE void with_window(const Extent2d& window, Body body) {
  using One = std::integral_constant<int, 1>;
  using Two = std::integral_constant<int, 2>;
  using Three = std::integral_constant<int, 3>;
  using Five = std::integral_constant<int, 5>;
  const auto with_columns = [&](auto rows) HWY_ATTR {
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

// Pixels of the output side by side or below each other, all of which meet the plane by the same taps.
struct Alike {
  Range rows;  // of taps
  Range columns;
  int64_t x_step;  // floats from pixel to pixel
  int64_t y_step;
};

// sum[j] += weight x[j step], with no more offsets than there are registers for.
template <int kCount>
HWY_INLINE void add_tap(const float* x, int64_t step, V weight, V (&sum)[kCount]) {
  constexpr int kOffsets = 4;
  for (int first = 0; first < kCount; first += kOffsets) {
    const float* const from = in_register(x + first * step);
    for (int j = first; j < kCount && j < first + kOffsets; ++j) {
      sum[j] = hn::MulAdd(hn::Load(D(), from + (j - first) * step), weight, sum[j]);
    }
  }
}

class PlaneForward {
 public:
  PlaneForward(const Window2d& window, int64_t lane, const float* x, const float* weights, float bias,
               Activation activation, const PlaneOutput& y)
      : axes_(window),
        x_(x + lane),
        weights_(weights),
        bias_(bias),
        relu_(activation == Activation::kRelu),
        y_{y.data + lane, y.row, y.pixel},
        inner_rows_(axes_.rows.inside()),
        inner_columns_(axes_.columns.inside()) {}

  void all(PacedPrefetch& ahead) const {
    for (int64_t p = 0; p < inner_rows_.first; ++p) outer_row(p, ahead);
    if (keeps_weights(axes_)) {
      with_window({axes_.rows.window, axes_.columns.window},
                  [&](auto rows, auto columns) HWY_ATTR { inner_rows<rows(), columns()>(ahead); });
    } else {
      for (int64_t p = inner_rows_.first; p < inner_rows_.end; ++p) {
        row(p, {0, axes_.rows.window});
        ahead.step();
      }
    }
    const int64_t below = axes_.rows.stride * axes_.columns.input * kLanes;
    for_edges([&](int64_t q, const Range& columns) HWY_ATTR {
      pixels(inner_rows_.first, q, inner_rows_.size(), {{0, axes_.rows.window}, columns, below, y_.row});
    });
    for (int64_t p = inner_rows_.end; p < axes_.rows.output; ++p) outer_row(p, ahead);
  }

 private:
  // Of windows of up to 3x3 the weights stay in registers.
  static bool keeps_weights(const Axes& axes) {
    return std::min(axes.rows.window, axes.columns.window) > 0 && std::max(axes.rows.window, axes.columns.window) <= 3;
  }

  // Where all of the window's rows meet the plane.
  template <int kRows, int kColumns>
  HWY_INLINE void inner_rows(PacedPrefetch& ahead) const {
    if constexpr (kRows <= 3) {  // not what with_window has for others
      V weight[kRows][kColumns];
      for (int r = 0; r < kRows; ++r) {
        for (int s = 0; s < kColumns; ++s) weight[r][s] = hn::Set(D(), weights_[r * kColumns + s]);
      }
      for (int64_t p = inner_rows_.first; p < inner_rows_.end; ++p) {
        inner_pixels<kPixels>(x_ + axes_.at(p, inner_columns_.first), weight, inner_columns_.size(),
                              y_.data + p * y_.row + inner_columns_.first * y_.pixel);
        ahead.step();
      }
    }
  }

  // `left` pixels of a row: tiles of kCount, then half as many, and so on.
  template <int kCount, int kRows, int kColumns>
  HWY_INLINE void inner_pixels(const float* HWY_RESTRICT x, const V (&weight)[kRows][kColumns], int64_t left,
                               float* HWY_RESTRICT y) const {
    const D d;
    const int64_t row = axes_.tap_row();
    const int64_t tap = axes_.tap();
    const int64_t pixel = axes_.pixel();
    const int64_t y_pixel = y_.pixel;
    for (; left >= kCount; left -= kCount, x += kCount * pixel, y += kCount * y_pixel) {
      V sum[kCount];
      for (V& s : sum) s = hn::Set(d, bias_);
      for (int r = 0; r < kRows; ++r) {
        for (int s = 0; s < kColumns; ++s) {
          add_tap(x + r * row + s * tap, pixel, weight[r][s], sum);
        }
      }
      finish(sum, y, y_pixel);
    }
    if constexpr (kCount > 1) {
      if (left > 0) inner_pixels<kCount / 2>(x, weight, left, y);
    }
  }

  template <int kCount>
  HWY_INLINE void finish(V (&sum)[kCount], float* HWY_RESTRICT y, int64_t step) const {
    if (relu_) {
      for (V& s : sum) s = relu(s);
    }
    for (int j = 0; j < kCount; ++j) hn::Store(sum[j], D(), y + j * step);
  }

  // The inner columns of a row that meets these rows of the window.
  HWY_INLINE void row(int64_t p, const Range& met) const {
    pixels(p, inner_columns_.first, inner_columns_.size(), {met, {0, axes_.columns.window}, axes_.pixel(), y_.pixel});
  }

  void outer_row(int64_t p, PacedPrefetch& ahead) const {
    const Range met = axes_.rows.met(p);
    row(p, met);
    for_edges([&](int64_t q, const Range& columns) HWY_ATTR { pixels(p, q, 1, {met, columns, 0, 0}); });
    ahead.step();
  }

  // Calls body(column of the output, taps that meet the plane) where windows reach over an edge at a side.
  template <class Body>
  HWY_INLINE void for_edges(Body body) const {
    for (int64_t q = 0; q < axes_.columns.output; ++q) {
      if (q == inner_columns_.first) q = HWY_MAX(q, inner_columns_.end);
      if (q < axes_.columns.output) body(q, axes_.columns.met(q));
    }
  }

  HWY_INLINE void pixels(int64_t p, int64_t q, int64_t count, const Alike& of) const {
    const EvenTiling tiles = cut_evenly(count, kMostPixels);
    const float* x = x_ + axes_.at(p, q);
    float* y = y_.data + p * y_.row + q * y_.pixel;
    for (int64_t t = 0; t < tiles.count; ++t) {
      const int64_t size = tiles.size(t);
      tile_of<kMostPixels>(size, of, x, y);
      x += size * of.x_step;
      y += size * of.y_step;
    }
  }

  template <int kMost>
  HWY_INLINE void tile_of(int64_t count, const Alike& of, const float* x, float* y) const {
    if constexpr (kMost > 1) {
      if (count < kMost) return tile_of<kMost - 1>(count, of, x, y);
    }
    tile<kMost>(of, x, y);
  }

  template <int kCount>
  HWY_INLINE void tile(const Alike& of, const float* HWY_RESTRICT x, float* HWY_RESTRICT y) const {
    const D d;
    const int64_t tap = axes_.tap();
    const int64_t row = axes_.tap_row() - of.columns.size() * tap;
    const int64_t weight_row = axes_.columns.window - of.columns.size();
    const int64_t x_step = of.x_step;
    const float* HWY_RESTRICT from = x + of.rows.first * axes_.tap_row() + of.columns.first * tap;
    const float* HWY_RESTRICT weight = weights_ + of.rows.first * axes_.columns.window + of.columns.first;
    V sum[kCount];
    for (V& s : sum) s = hn::Set(d, bias_);
    for (int64_t r = of.rows.size(); r > 0; --r, from += row, weight += weight_row) {
      for (int64_t s = of.columns.size(); s > 0; --s, from += tap, ++weight) {
        const V w = hn::Set(d, *weight);
        add_tap(from, x_step, w, sum);
      }
    }
    finish(sum, y, of.y_step);
  }

  const Axes axes_;
  const float* x_;
  const float* weights_;
  const float bias_;
  const bool relu_;
  const PlaneOutput y_;
  const Range inner_rows_;
  const Range inner_columns_;
};

void ForwardPlane(const Window2d& window, int64_t lanes, const float* x, const float* weights, float bias,
                  Activation activation, const PlaneOutput& y, const Lines& lines) {
  const D d;
  const auto step = static_cast<int64_t>(hn::Lanes(d));
  PacedPrefetch ahead(lines, window.output.height * ceil_divide(lanes, step));
  for (int64_t lane = 0; lane < lanes; lane += step) {
    PlaneForward(window, lane, x, weights, bias, activation, y).all(ahead);
  }
  for (int64_t lane = std::max(lanes, step); lane < kLanes; lane += step) {
    for (int64_t p = 0; p < window.output.height; ++p) {
      float* const to = y.data + p * y.row + lane;
      for (int64_t q = 0; q < window.output.width; ++q) hn::Store(hn::Zero(d), d, to + q * y.pixel);
    }
  }
}

// All sums of a window in registers, so that each pixel's gradient is read once. kEdges: some windows reach over an
// edge; what is done to the sums there drives them into memory from row to row.
template <int kRows, int kColumns, int kLive, bool kEdges>
class PlaneWeightGradient {
 public:
  HWY_INLINE PlaneWeightGradient(const Window2d& window, const float* x, const float* dz)
      : axes_(window), x_(x), dz_(dz) {}

  HWY_INLINE void add(PacedPrefetch ahead, float* gradient) const {
    const Range inner_rows = axes_.rows.inside();
    const Range inner_columns = axes_.columns.inside();
    V sum[kRows][kColumns];
    for (auto& of_row : sum) {
      for (V& of_tap : of_row) of_tap = hn::Zero(D());
    }
    for (int64_t p = 0; p < axes_.rows.output; ++p) {
      Range inner = inner_columns;
      if constexpr (kEdges) {
        if (p < inner_rows.first || p >= inner_rows.end) inner = {0, 0};
        for (int64_t q = 0; q < axes_.columns.output; ++q) {
          if (q == inner.first) q = inner.end;
          if (q < axes_.columns.output) add_edge(p, q, sum);
        }
      }
      const float* HWY_RESTRICT x = x_ + axes_.at(p, inner.first);
      const float* HWY_RESTRICT dz = at(p, inner.first);
      for (int64_t q = inner.first; q < inner.end; ++q, x += axes_.pixel(), dz += kLanes) {
        for (int64_t lane = 0; lane < kLive; lane += lanes()) {
          const V g = in_register(hn::Load(D(), dz + lane));
          for (int i = 0; i < kRows; ++i) {
            const float* HWY_RESTRICT from = x + i * axes_.tap_row() + lane;
            for (int j = 0; j < kColumns; ++j) {
              sum[i][j] = hn::MulAdd(hn::Load(D(), from + j * axes_.tap()), g, sum[i][j]);
            }
          }
        }
      }
      ahead.step();
    }
    for (const auto& of_row : sum) {
      for (const V& of_tap : of_row) *gradient++ += hn::ReduceSum(D(), of_tap);
    }
  }

 private:
  static HWY_INLINE int64_t lanes() { return static_cast<int64_t>(hn::Lanes(D())); }
  HWY_INLINE const float* at(int64_t p, int64_t q) const { return dz_ + (p * axes_.columns.output + q) * kLanes; }

  // A pixel whose window reaches over an edge.
  HWY_INLINE void add_edge(int64_t p, int64_t q, V (&sum)[kRows][kColumns]) const {
    const Range rows = axes_.rows.met(p);
    const Range columns = axes_.columns.met(q);
    const float* const x = x_ + axes_.at(p, q);
    for (int64_t lane = 0; lane < kLive; lane += lanes()) {
      const V g = in_register(hn::Load(D(), at(p, q) + lane));
      for (int i = 0; i < kRows; ++i) {
        if (i < rows.first || i >= rows.end) continue;
        for (int j = 0; j < kColumns; ++j) {
          if (j < columns.first || j >= columns.end) continue;
          const V values = hn::Load(D(), x + i * axes_.tap_row() + j * axes_.tap() + lane);
          sum[i][j] = hn::MulAdd(values, g, sum[i][j]);
        }
      }
    }
  }

  const Axes axes_;
  const float* x_;
  const float* dz_;
};

void WeightGradientOfPlane(const Window2d& window, int64_t lanes, const float* x, const float* dz, float* gradient,
                           const Lines& lines) {
  const PacedPrefetch ahead(lines, window.output.height);
  // A vector that holds a whole block has no half to leave out.
  constexpr int kLeast = hn::MaxLanes(D()) > kHalfLanes ? kLanes : kHalfLanes;
  const bool edges = Axes(window).has_edges();
  with_window(window.window, [&](auto rows, auto columns) HWY_ATTR {
    const auto add = [&](auto with_edges) HWY_ATTR {
      if (lanes <= kHalfLanes) {
        PlaneWeightGradient<rows(), columns(), kLeast, with_edges()>(window, x, dz).add(ahead, gradient);
      } else {
        PlaneWeightGradient<rows(), columns(), kLanes, with_edges()>(window, x, dz).add(ahead, gradient);
      }
    };
    // Windows of more taps go to padded planes.
    if constexpr (rows() <= 3) {
      if (edges) return add(std::true_type());
    }
    add(std::false_type());
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(ForwardPlane);
HWY_EXPORT(WeightGradientOfPlane);

void conv2d_depthwise_forward(const Window2d& window, int64_t lanes, const float* x, const float* weights, float bias,
                              Activation activation, const PlaneOutput& y, const Lines& ahead) {
  HWY_DYNAMIC_DISPATCH(ForwardPlane)(window, lanes, x, weights, bias, activation, y, ahead);
}

bool depthwise_gradient_fits(const Extent2d& window) {
  return (window.height <= 3 && window.width <= 3) || (window.height == 5 && window.width == 5);
}

void conv2d_depthwise_weight_gradient(const Window2d& window, int64_t lanes, const float* x, const float* dz,
                                      Accumulate accumulate, float* gradient, const Lines& ahead) {
  if (accumulate == Accumulate::kOverwrite) std::fill_n(gradient, window.taps(), 0.0F);
  HWY_DYNAMIC_DISPATCH(WeightGradientOfPlane)(window, lanes, x, dz, gradient, ahead);
}

}  // namespace gradloom
#endif  // HWY_ONCE
