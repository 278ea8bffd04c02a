#include "kernels/winograd.h"

#include <algorithm>

#include "kernels/lanes.h"
#include "kernels/tiling.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/winograd.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"
#include "common/prefetch.h"
#include "hwy/cache_control.h"
#include "kernels/in_register-inl.h"
#include "kernels/largest_tap-inl.h"
#include "kernels/relu-inl.h"
#include "kernels/winograd_axes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Where a vector is as long as a block, half of one takes instructions of its own.
constexpr bool kHalvesVectors = HWY_MAX_BYTES >= kLanes * sizeof(float);

template <bool kHalf>
HWY_INLINE V load_lanes(const float* from) {
  const D d;
  if constexpr (kHalf) return hn::ZeroExtendVector(d, hn::Load(hn::Half<D>(), from));
  return hn::Load(d, from);
}

template <bool kHalf>
HWY_INLINE void store_lanes(V v, float* to) {
  if constexpr (kHalf) {
    hn::Store(hn::LowerHalf(hn::Half<D>(), v), hn::Half<D>(), to);
  } else {
    hn::Store(v, D(), to);
  }
}

// Pixels of a strip of tiles, which share those of neighbours: column by column, `kRows` pixels below each other. Those
// outside of the image are zero. The same pixels of the next images lie pages away, where no processor looks for them
// by itself, so they are prefetched an image or two ahead.
template <int kRows>
class StoredColumns {
 public:
  StoredColumns(const ImageTile& strip, const float* data)
      : vector_(strip.vectors.vector),
        row_(strip.step.height * strip.vectors.image.width * strip.vectors.pixel),
        pixel_(strip.vectors.pixel),
        image_(data) {
    for (int i = 0; i < kRows; ++i) {
      const int64_t row = strip.row + i * strip.step.height;
      exists_[i] = row >= 0 && row < strip.vectors.image.height;
    }
    all_exist_ = std::all_of(exists_, exists_ + kRows, [](bool exists) { return exists; });
    first_ = strip.row * strip.vectors.image.width * pixel_;
    ahead_ = (strip.count > 1 ? 1 : 2) * vector_;
    width_ = strip.vectors.image.width;
  }

  int64_t width() const { return width_; }

  HWY_INLINE void load(int64_t vector, int64_t column, int64_t lane, V (&pixels)[kRows]) const {
    const float* const at = image_ + (vector * vector_ + first_ + column * pixel_ + lane);
    if (all_exist_) {
      for (int i = 0; i < kRows; ++i) pixels[i] = pixel(at + i * row_);
    } else {
      for (int i = 0; i < kRows; ++i) pixels[i] = exists_[i] ? pixel(at + i * row_) : hn::Zero(D());
    }
  }

 private:
  HWY_INLINE V pixel(const float* at) const {
    hwy::Prefetch(at + ahead_);
    return hn::Load(D(), at);
  }

  int64_t vector_;
  int64_t row_;
  int64_t pixel_;
  const float* image_;
  int64_t first_;
  int64_t ahead_;
  int64_t width_;
  bool exists_[kRows];
  bool all_exist_;
};

// kOdd: the first row is the second one of its windows.
template <int kRows, bool kOdd>
class ArgmaxColumns {
 public:
  ArgmaxColumns(const ImageTile& strip, const ArgmaxPixels& pixels)
      : pixels_(pixels),
        vector_(strip.vectors.vector),
        row_(strip.vectors.image.width * strip.vectors.pixel),
        pixel_(strip.vectors.pixel),
        width_(2 * strip.vectors.image.width) {
    const int64_t first = (strip.row - kOdd) / 2;
    for (int w = 0; w < kWindows; ++w) exists_[w] = first + w >= 0 && first + w < strip.vectors.image.height;
    first_ = first * row_;
  }

  int64_t width() const { return width_; }

  HWY_INLINE void load(int64_t vector, int64_t column, int64_t lane, V (&pixels)[kRows]) const {
    const int64_t at = vector * vector_ + first_ + column / 2 * pixel_ + lane;
    const auto tap = static_cast<int32_t>(column % 2);
    for (int w = 0; w < kWindows; ++w) {
      const int top = 2 * w - kOdd;
      if (exists_[w]) {
        const float* const dy = pixels_.dy + at + w * row_;
        const ArgmaxTap* const winners = pixels_.winners + at + w * row_;
        hwy::Prefetch(dy + vector_);
        hwy::Prefetch(winners + vector_);
        const ArgmaxGradient<D> won(dy, winners);
        if (top >= 0) pixels[top] = won.of(tap);
        if (top + 1 < kRows) pixels[top + 1] = won.of(tap + 2);
      } else {
        if (top >= 0) pixels[top] = hn::Zero(D());
        if (top + 1 < kRows) pixels[top + 1] = hn::Zero(D());
      }
    }
  }

 private:
  static constexpr int kWindows = (kRows + kOdd + 1) / 2;

  ArgmaxPixels pixels_;
  int64_t vector_;
  int64_t row_;
  int64_t pixel_;
  int64_t width_;
  int64_t first_;
  bool exists_[kWindows];
};

// Coefficients of the strip's pixels. One axis first, for all columns.
template <class Height, class Width, bool kOne, bool kHalf, class Columns>
void transform_columns(const ImageTile& strip, int64_t vectors, const Columns& source, const TileCoefficients& to) {
  constexpr int kOut = Width::kTile;
  constexpr int kShared = Width::kFrom - kOut;
  constexpr int64_t kMostColumns = kOne ? Width::kFrom : (kMostStripTiles - 1) * kOut + Width::kFrom;
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t count = kOne ? 1 : strip.count;
  const int64_t columns = (count - 1) * kOut + Width::kFrom;
  const int64_t width = source.width();
  const int64_t step = strip.step.width;
  const int64_t live = strip.lanes;
  const Columns pixels = source;
  const TileCoefficients target = to;
  for (int64_t vector = 0; vector < vectors; ++vector) {
    for (int64_t lane = 0; lane < live; lane += lanes) {
      V half[kMostColumns][Height::kTo];
      for (int64_t j = 0, at = strip.column; j < columns; ++j, at += step) {
        V column[Height::kFrom];
        if (at >= 0 && at < width) {
          pixels.load(vector, at, lane, column);
        } else {
          for (int i = 0; i < Height::kFrom; ++i) column[i] = hn::Zero(d);
        }
        Height::apply(column, half[j]);
      }
      // Then the other, row by row, where neighbours share columns.
      float* row_of_strip = target.data + vector * target.vector + lane;
      for (int i = 0; i < Height::kTo; ++i, row_of_strip += Width::kTo * target.coefficient) {
        V row[Width::kFrom];
        for (int j = 0; j < kShared; ++j) row[j] = half[j][i];
        float* HWY_RESTRICT out = row_of_strip;
        for (int64_t t = 0; t < count; ++t, out += target.tile) {
          V coefficients[Width::kTo];
          for (int j = kShared; j < Width::kFrom; ++j) row[j] = half[t * kOut + j][i];
          Width::apply(row, coefficients);
          for (int j = 0; j < Width::kTo; ++j) store_lanes<kHalf>(coefficients[j], out + j * target.coefficient);
          for (int j = 0; j < kShared; ++j) row[j] = row[j + kOut];
        }
      }
    }
  }
}

template <class Height, class Width, class Columns>
void transform_strip(const ImageTile& strip, int64_t vectors, const Columns& source, const TileCoefficients& to) {
  if constexpr (kHalvesVectors) {
    if (strip.lanes < kLanes) return transform_columns<Height, Width, false, true>(strip, vectors, source, to);
  }
  strip.count == 1 ? transform_columns<Height, Width, true, false>(strip, vectors, source, to)
                   : transform_columns<Height, Width, false, false>(strip, vectors, source, to);
}

template <template <WinogradAxis> class Axis>
void transform_tiles(const ImageTile& strip, int64_t vectors, const float* pixels, const TileCoefficients& to) {
  with_form(strip.form, [&]<WinogradAxis kHeight, WinogradAxis kWidth> {
    using Height = Axis<kHeight>;
    transform_strip<Height, Axis<kWidth>>(strip, vectors, StoredColumns<Height::kFrom>(strip, pixels), to);
  });
}

template <template <WinogradAxis> class Axis>
void transform_tiles(const ImageTile& strip, int64_t vectors, const ArgmaxPixels& pixels, const TileCoefficients& to) {
  with_square_form(strip.form, [&]<WinogradAxis kHeight, WinogradAxis kWidth> {
    using Height = Axis<kHeight>;
    using Width = Axis<kWidth>;
    strip.row % 2 == 0
        ? transform_strip<Height, Width>(strip, vectors, ArgmaxColumns<Height::kFrom, false>(strip, pixels), to)
        : transform_strip<Height, Width>(strip, vectors, ArgmaxColumns<Height::kFrom, true>(strip, pixels), to);
  });
}

void TransformInputTile(const ImageTile& tile, int64_t vectors, const float* x, const TileCoefficients& v) {
  transform_tiles<TransformInput>(tile, vectors, x, v);
}

void TransformArgmaxInputTile(const ImageTile& tile, int64_t vectors, const ArgmaxPixels& x,
                              const TileCoefficients& v) {
  transform_tiles<TransformInput>(tile, vectors, x, v);
}

void TransformOutputGradientTile(const ImageTile& tile, int64_t vectors, const float* dy, const TileCoefficients& m) {
  transform_tiles<TransformOutputGradient>(tile, vectors, dy, m);
}

void TransformArgmaxOutputGradientTile(const ImageTile& tile, int64_t vectors, const ArgmaxPixels& dy,
                                       const TileCoefficients& m) {
  transform_tiles<TransformOutputGradient>(tile, vectors, dy, m);
}

// Calls visit(vector, lane, i, row) for each row of activation(A^T m A + bias).
template <WinogradAxis kHeight, WinogradAxis kWidth, bool kHalf, class Visit>
HWY_INLINE void for_each_output(int64_t live, int64_t vectors, const TileCoefficients& m, const TileBias& bias,
                                Activation activation, Visit visit) {
  using Height = TransformOutput<kHeight>;
  using Width = TransformOutput<kWidth>;
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const bool positive = activation == Activation::kRelu;
  const int64_t coefficient = m.coefficient;
  for (int64_t vector = 0; vector < vectors; ++vector) {
    const float* in = m.data + vector * m.vector;
    for (int64_t lane = 0; lane < live; lane += lanes) {
      V start = hn::Zero(d);
      if (bias.data != nullptr) {
        start = bias.of == BiasOf::kVector ? hn::Set(d, bias.data[vector])
                                           : hn::LoadU(d, bias.data + vector * kLanes + lane);
      }
      transform<Height, Width>(
          [&](int j, V(&column)[Height::kFrom]) HWY_ATTR {
            const float* const at = in_register(in + j * coefficient + lane);
            for (int i = 0; i < Height::kFrom; ++i) column[i] = load_lanes<kHalf>(at + i * Width::kFrom * coefficient);
          },
          [&](int i, V(&row)[Width::kTo]) HWY_ATTR {
            for (V& z : row) {
              z = hn::Add(z, start);
              if (positive) z = relu(z);
            }
            visit(vector, lane, i, row);
          });
    }
  }
}

template <WinogradAxis kHeight, WinogradAxis kWidth, class Visit>
HWY_INLINE void for_each_output(const ImageTile& tile, int64_t vectors, const TileCoefficients& m, const TileBias& bias,
                                Activation activation, Visit visit) {
  if constexpr (kHalvesVectors) {
    if (tile.lanes < kLanes) {
      return for_each_output<kHeight, kWidth, true>(tile.lanes, vectors, m, bias, activation, visit);
    }
  }
  for_each_output<kHeight, kWidth, false>(tile.lanes, vectors, m, bias, activation, visit);
}

// The lanes of pixels that no vector has written.
template <class Number>
void clear_lanes(const ImageTile& tile, int64_t vectors, int64_t rows, int64_t columns, Number* first) {
  if (kHalvesVectors || tile.lanes == kLanes) return;
  const ImageVectors at = tile.vectors;
  for (int64_t vector = 0; vector < vectors; ++vector) {
    for (int64_t pixel = 0; pixel < rows * columns; ++pixel) {
      const int64_t row = pixel / columns * tile.step.height * at.image.width;
      const int64_t column = pixel % columns * tile.step.width;
      Number* const to = first + vector * at.vector + (row + column) * at.pixel;
      std::fill(to + tile.lanes, to + kLanes, Number{});
    }
  }
}

template <WinogradAxis kHeight, WinogradAxis kWidth>
void transform_output(const ImageTile& tile, int64_t vectors, const TileCoefficients& m, const TileBias& bias,
                      Activation activation, float* y) {
  constexpr int kOut = tile_of(kWidth);
  const ImageVectors at = tile.vectors;
  const int64_t rows = count_before(at.image.height - tile.row, tile.step.height, tile_of(kHeight));
  const int64_t columns = count_before(at.image.width - tile.column, tile.step.width, kOut);
  const int64_t row = tile.step.height * at.image.width * at.pixel;
  const int64_t column = tile.step.width * at.pixel;
  y += (tile.row * at.image.width + tile.column) * at.pixel;
  const auto store = [&](int64_t vector, int64_t lane, int i, int64_t count, const V(&z)[kOut]) HWY_ATTR {
    float* HWY_RESTRICT pixel = y + vector * at.vector + lane + i * row;
    for (int j = 0; j < kOut && j < count; ++j, pixel += column) {
      prefetch_to_write(pixel + at.vector);
      hn::Store(z[j], D(), pixel);
    }
  };
  if (rows == tile_of(kHeight) && columns == kOut) {
    for_each_output<kHeight, kWidth>(tile, vectors, m, bias, activation,
                                     [&](int64_t vector, int64_t lane, int i, const V(&z)[kOut])
                                         HWY_ATTR { store(vector, lane, i, kOut, z); });
  } else {
    for_each_output<kHeight, kWidth>(tile, vectors, m, bias, activation,
                                     [&](int64_t vector, int64_t lane, int i, const V(&z)[kOut]) HWY_ATTR {
                                       if (i < rows) store(vector, lane, i, columns, z);
                                     });
  }
  clear_lanes(tile, vectors, rows, columns, y);
}

void TransformOutputTile(const ImageTile& tile, int64_t vectors, const TileCoefficients& m, const TileBias& bias,
                         Activation activation, float* y) {
  with_form(tile.form, [&]<WinogradAxis kHeight, WinogradAxis kWidth> {
    transform_output<kHeight, kWidth>(tile, vectors, m, bias, activation, y);
  });
}

template <WinogradAxis kAxis>
void transform_output_pooled(const ImageTile& tile, int64_t vectors, const TileCoefficients& m, const TileBias& bias,
                             Activation activation, float* y, ArgmaxTap* winners) {
  const Winners kept = activation == Activation::kRelu ? Winners::kOfPositive : Winners::kOfAll;
  const ImageVectors at = tile.vectors;
  constexpr int kOut = tile_of(kAxis);
  constexpr int kPooled = kOut / 2;
  const int64_t rows = std::min<int64_t>(kPooled, at.image.height - tile.row);
  const int64_t columns = std::min<int64_t>(kPooled, at.image.width - tile.column);
  const int64_t row = at.image.width * at.pixel;
  const int64_t first = tile.row * row + tile.column * at.pixel;
  V z[kOut][kOut];
  for_each_output<kAxis, kAxis>(tile, vectors, m, bias, activation,
                                [&](int64_t vector, int64_t lane, int of_row, const V(&z_row)[kOut]) HWY_ATTR {
                                  for (int j = 0; j < kOut; ++j) z[of_row][j] = z_row[j];
                                  if (of_row < kOut - 1) return;
                                  for (int i = 0; i < kPooled; ++i) {
                                    for (int j = 0; j < kPooled; ++j) {
                                      if (i >= rows || j >= columns) continue;
                                      LargestTap<D> largest(0, z[2 * i][2 * j]);
                                      for (int tap = 1; tap < 4; ++tap)
                                        largest.meet(tap, z[2 * i + tap / 2][2 * j + tap % 2]);
                                      const int64_t to = first + vector * at.vector + i * row + j * at.pixel + lane;
                                      prefetch_to_write(y + to + at.vector);
                                      hn::Store(largest.value(), D(), y + to);
                                      if (winners == nullptr) continue;
                                      prefetch_to_write(winners + to + at.vector);
                                      largest.store_tap(kept, winners + to);
                                    }
                                  }
                                });
  clear_lanes(tile, vectors, rows, columns, y + first);
  if (winners != nullptr) clear_lanes(tile, vectors, rows, columns, winners + first);
}

void TransformOutputPooledTile(const ImageTile& tile, int64_t vectors, const TileCoefficients& m, const TileBias& bias,
                               Activation activation, float* y, ArgmaxTap* winners) {
  with_square_form(tile.form, [&]<WinogradAxis kHeight, WinogradAxis kWidth> {
    static_assert(kHeight == kWidth);
    transform_output_pooled<kHeight>(tile, vectors, m, bias, activation, y, winners);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

WinogradSteps winograd_steps(WinogradForm form) {
  const auto of_axis = [](WinogradAxis axis, int64_t of_3, int64_t of_5) {
    return axis == WinogradAxis::kNone ? 0 : axis == WinogradAxis::kF43 ? of_3 : of_5;
  };
  // Columns first, then the rows that they become.
  const auto of_both = [&](int64_t columns, int64_t rows, int64_t of_3, int64_t of_5) {
    return columns * of_axis(form.height, of_3, of_5) + rows * of_axis(form.width, of_3, of_5);
  };
  constexpr int64_t kInput = 12;
  constexpr int64_t kOutput43 = 12;
  constexpr int64_t kOutput25 = 8;
  constexpr int64_t kGradient43 = 10;
  constexpr int64_t kGradient25 = 4;
  const int64_t points = points_of(form.height);
  return {.input_column = of_axis(form.height, kInput, kInput),
          .input_tile = points * of_axis(form.width, kInput, kInput),
          .output = of_both(points_of(form.width), tile_of(form.height), kOutput43, kOutput25),
          .output_gradient = of_both(tile_of(form.width), points, kGradient43, kGradient25)};
}

HWY_EXPORT(TransformInputTile);
HWY_EXPORT(TransformArgmaxInputTile);
HWY_EXPORT(TransformOutputTile);
HWY_EXPORT(TransformOutputPooledTile);
HWY_EXPORT(TransformOutputGradientTile);
HWY_EXPORT(TransformArgmaxOutputGradientTile);

void winograd_transform_input(const ImageTile& tile, int64_t vectors, const float* x, const TileCoefficients& v) {
  HWY_DYNAMIC_DISPATCH(TransformInputTile)(tile, vectors, x, v);
}

void winograd_transform_input(const ImageTile& tile, int64_t vectors, const ArgmaxPixels& x,
                              const TileCoefficients& v) {
  HWY_DYNAMIC_DISPATCH(TransformArgmaxInputTile)(tile, vectors, x, v);
}

void winograd_transform_output(const ImageTile& tile, int64_t vectors, const TileCoefficients& m, const TileBias& bias,
                               Activation activation, float* y) {
  HWY_DYNAMIC_DISPATCH(TransformOutputTile)(tile, vectors, m, bias, activation, y);
}

void winograd_transform_output_pooled(const ImageTile& tile, int64_t vectors, const TileCoefficients& m,
                                      const TileBias& bias, Activation activation, float* y, ArgmaxTap* winners) {
  HWY_DYNAMIC_DISPATCH(TransformOutputPooledTile)(tile, vectors, m, bias, activation, y, winners);
}

void winograd_transform_output_gradient(const ImageTile& tile, int64_t vectors, const float* dy,
                                        const TileCoefficients& m) {
  HWY_DYNAMIC_DISPATCH(TransformOutputGradientTile)(tile, vectors, dy, m);
}

void winograd_transform_output_gradient(const ImageTile& tile, int64_t vectors, const ArgmaxPixels& dy,
                                        const TileCoefficients& m) {
  HWY_DYNAMIC_DISPATCH(TransformArgmaxOutputGradientTile)(tile, vectors, dy, m);
}

}  // namespace gradloom
#endif  // HWY_ONCE
