#include "kernels/winograd/transforms.h"

#include <algorithm>

#include "kernels/layout/lanes.h"
#include "kernels/tiling.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/winograd/transforms.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"
#include "common/prefetch.h"
#include "kernels/activation/relu-inl.h"
#include "kernels/pooling/largest_tap-inl.h"
#include "kernels/vectors/in_register-inl.h"
#include "kernels/winograd/axes-inl.h"
#include "kernels/winograd/columns-inl.h"

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
    hn::StoreU(v, D(), to);
  }
}

// One axis of a strip, for all of its columns: then each has the coefficients of that axis.
using StripColumn = V[kMostPoints];
constexpr int64_t kMostColumns = (kMostStripTiles - 1) * kMostTile + kMostPoints;

// The other axis, row by row, where neighbours share columns.
template <class Width, bool kHalf>
void transform_rows(WinogradForm form, int64_t count, const StripColumn* half, const TileCoefficients& to) {
  constexpr int kOut = Width::kTile;
  constexpr int kShared = Width::kFrom - kOut;
  const int64_t coefficient = to.coefficient;
  const int64_t tile = to.tile;
  const int64_t rows = points_of(form.height);
  const int64_t row_apart = form.coefficient(1, 0) * coefficient;
  const int64_t last_apart = point_of(form.height, rows - 1) * row_apart;
  for (int64_t i = 0; i < rows; ++i) {
    V row[Width::kFrom];
    for (int j = 0; j < kShared; ++j) row[j] = half[j][i];
    float* HWY_RESTRICT out = to.data + (i + 1 < rows ? i * row_apart : last_apart);
    for (int64_t t = 0; t < count; ++t, out += tile) {
      V coefficients[Width::kTo];
      for (int j = kShared; j < Width::kFrom; ++j) row[j] = half[t * kOut + j][i];
      Width::apply(row, coefficients);
      for (int j = 0; j < Width::kTo; ++j) {
        store_lanes<kHalf>(coefficients[j], out + point_of(Width::kAxis, j) * coefficient);
      }
      for (int j = 0; j < kShared; ++j) row[j] = row[j + kOut];
    }
  }
}

// That of a strip's tiles, and of how many columns.
struct RowTransform {
  int64_t columns;
  void (*apply)(WinogradForm form, int64_t count, const StripColumn* half, const TileCoefficients& to);
};

template <template <WinogradAxis> class Axis>
RowTransform row_transform(const ImageTile& strip) {
  return with_axis(strip.form.width, [&]<WinogradAxis kWidth> {
    using Width = Axis<kWidth>;
    const int64_t columns = (strip.count - 1) * Width::kTile + Width::kFrom;
    if constexpr (kHalvesVectors) {
      if (strip.lanes < kLanes) return RowTransform{columns, transform_rows<Width, true>};
    }
    return RowTransform{columns, transform_rows<Width, false>};
  });
}

template <class Height, class Pixels>
void transform_strip(const ImageTile& strip, int64_t vectors, const Pixels& source, const RowTransform& rows,
                     const TileCoefficients& to) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t width = source.width();
  const int64_t step = strip.step.width;
  const int64_t live = strip.lanes;
  const RowTransform of_rows = rows;
  const Pixels pixels = source;
  const TileCoefficients target = to;
  for (int64_t vector = 0; vector < vectors; ++vector) {
    for (int64_t lane = 0; lane < live; lane += lanes) {
      StripColumn half[kMostColumns];
      for (int64_t j = 0, at = strip.column; j < of_rows.columns; ++j, at += step) {
        V column[Height::kFrom];
        V out[Height::kTo];
        if (at >= 0 && at < width) {
          pixels.load(vector, at, lane, column);
        } else {
          for (int i = 0; i < Height::kFrom; ++i) column[i] = hn::Zero(d);
        }
        Height::apply(column, out);
        for (int i = 0; i < Height::kTo; ++i) half[j][i] = out[i];
      }
      of_rows.apply(strip.form, strip.count, half,
                    {target.data + vector * target.vector + lane, target.coefficient, target.vector, target.tile});
    }
  }
}

template <template <WinogradAxis> class Axis>
void transform_tiles(const ImageTile& strip, int64_t vectors, const float* pixels, const TileCoefficients& to) {
  const RowTransform rows = row_transform<Axis>(strip);
  with_axis(strip.form.height, [&]<WinogradAxis kHeight> {
    using Height = Axis<kHeight>;
    transform_strip<Height>(strip, vectors, StoredColumns<Height::kFrom>(strip, pixels), rows, to);
  });
}

template <template <WinogradAxis> class Axis>
void transform_tiles(const ImageTile& strip, int64_t vectors, const ArgmaxPixels& pixels, const TileCoefficients& to) {
  const RowTransform rows = row_transform<Axis>(strip);
  with_axis(strip.form.height, [&]<WinogradAxis kHeight> {
    using Height = Axis<kHeight>;
    strip.row % 2 == 0
        ? transform_strip<Height>(strip, vectors, ArgmaxColumns<Height::kFrom, false>(strip, pixels), rows, to)
        : transform_strip<Height>(strip, vectors, ArgmaxColumns<Height::kFrom, true>(strip, pixels), rows, to);
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

// One axis of a tile of outputs, for all columns of its coefficients: then there are rows of these.
using TileRow = V[kMostPoints];

template <WinogradAxis kHeight, bool kHalf>
void output_columns(WinogradForm form, const float* m, int64_t coefficient, TileRow* half) {
  using Height = TransformOutput<kHeight>;
  const int64_t row = form.coefficient(1, 0) * coefficient;
  const int64_t columns = points_of(form.width);
  const int64_t last = point_of(form.width, columns - 1);
  for (int64_t j = 0; j < columns; ++j) {
    const float* const at = in_register(m + (j + 1 < columns ? j : last) * coefficient);
    V column[Height::kFrom];
    V out[Height::kTo];
    for (int i = 0; i < Height::kFrom; ++i) column[i] = load_lanes<kHalf>(at + point_of(kHeight, i) * row);
    Height::apply(column, out);
    for (int i = 0; i < Height::kTo; ++i) half[i][j] = out[i];
  }
}

using OutputColumns = void (*)(WinogradForm form, const float* m, int64_t coefficient, TileRow* half);
inline OutputColumns output_columns(const ImageTile& tile) {
  return with_axis(tile.form.height, [&]<WinogradAxis kHeight>() -> OutputColumns {
    if constexpr (kHalvesVectors) {
      if (tile.lanes < kLanes) return output_columns<kHeight, true>;
    }
    return output_columns<kHeight, false>;
  });
}

// From a lane on, how many are written.
HWY_INLINE size_t rest_of(const ImageTile& tile, int64_t lane) {
  return static_cast<size_t>(std::clamp<int64_t>(tile.written - lane, 0, static_cast<int64_t>(hn::Lanes(D()))));
}

// Calls visit(vector, lane, i, row) for each row of activation(A^T m A + bias).
template <WinogradAxis kWidth, bool kPart, class Visit>
HWY_INLINE void for_each_output(const ImageTile& tile, int64_t vectors, const TileCoefficients& m, const TileBias& bias,
                                Activation activation, Visit visit) {
  using Width = TransformOutput<kWidth>;
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const bool positive = activation == Activation::kRelu;
  const OutputColumns columns = output_columns(tile);
  const int64_t rows = tile_of(tile.form.height);
  const int64_t live = tile.lanes;
  for (int64_t vector = 0; vector < vectors; ++vector) {
    for (int64_t lane = 0; lane < live; lane += lanes) {
      V start = hn::Zero(d);
      if (bias.data != nullptr) {
        const float* const of_lanes = bias.data + vector * kLanes + lane;
        start = bias.of == BiasOf::kVector ? hn::Set(d, bias.data[vector])
                : kPart                    ? load_first(d, of_lanes, rest_of(tile, lane))
                                           : hn::LoadU(d, of_lanes);
      }
      TileRow half[kMostTile];
      columns(tile.form, m.data + vector * m.vector + lane, m.coefficient, half);
      for (int64_t i = 0; i < rows; ++i) {
        V in[Width::kFrom];
        V row[Width::kTo];
        for (int j = 0; j < Width::kFrom; ++j) in[j] = half[i][j];
        Width::apply(in, row);
        for (V& z : row) {
          z = hn::Add(z, start);
          if (positive) z = relu(z);
        }
        visit(vector, lane, i, row);
      }
    }
  }
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

template <WinogradAxis kWidth, bool kPart>
void transform_output(const ImageTile& tile, int64_t vectors, const TileCoefficients& m, const TileBias& bias,
                      Activation activation, float* y) {
  constexpr int kOut = tile_of(kWidth);
  const ImageVectors at = tile.vectors;
  const int64_t of_tile = tile_of(tile.form.height);
  const int64_t rows = count_before(at.image.height - tile.row, tile.step.height, of_tile);
  const int64_t columns = count_before(at.image.width - tile.column, tile.step.width, kOut);
  const int64_t row = tile.step.height * at.image.width * at.pixel;
  const int64_t column = tile.step.width * at.pixel;
  y += (tile.row * at.image.width + tile.column) * at.pixel;
  const auto store = [&](int64_t vector, int64_t lane, int64_t i, int64_t count, const V(&z)[kOut]) HWY_ATTR {
    float* HWY_RESTRICT pixel = y + vector * at.vector + lane + i * row;
    for (int j = 0; j < kOut && j < count; ++j, pixel += column) {
      prefetch_to_write(pixel + at.vector);
      if constexpr (kPart) {
        store_first(z[j], D(), pixel, rest_of(tile, lane));
      } else {
        hn::StoreU(z[j], D(), pixel);
      }
    }
  };
  if (rows == of_tile && columns == kOut) {
    for_each_output<kWidth, kPart>(tile, vectors, m, bias, activation,
                                   [&](int64_t vector, int64_t lane, int64_t i, const V(&z)[kOut])
                                       HWY_ATTR { store(vector, lane, i, kOut, z); });
  } else {
    for_each_output<kWidth, kPart>(tile, vectors, m, bias, activation,
                                   [&](int64_t vector, int64_t lane, int64_t i, const V(&z)[kOut]) HWY_ATTR {
                                     if (i < rows) store(vector, lane, i, columns, z);
                                   });
  }
  clear_lanes(tile, vectors, rows, columns, y);
}

void TransformOutputTile(const ImageTile& tile, int64_t vectors, const TileCoefficients& m, const TileBias& bias,
                         Activation activation, float* y) {
  with_axis(tile.form.width, [&]<WinogradAxis kWidth> {
    tile.written < kLanes ? transform_output<kWidth, true>(tile, vectors, m, bias, activation, y)
                          : transform_output<kWidth, false>(tile, vectors, m, bias, activation, y);
  });
}

template <WinogradAxis kWidth>
void transform_output_pooled(const ImageTile& tile, int64_t vectors, const TileCoefficients& m, const TileBias& bias,
                             Activation activation, float* y, ArgmaxTap* winners) {
  const Winners kept = activation == Activation::kRelu ? Winners::kOfPositive : Winners::kOfAll;
  const ImageVectors at = tile.vectors;
  constexpr int kOut = tile_of(kWidth);
  constexpr int kPooled = kOut / 2;
  const int64_t rows = std::min<int64_t>(tile_of(tile.form.height) / 2, at.image.height - tile.row);
  const int64_t columns = std::min<int64_t>(kPooled, at.image.width - tile.column);
  const int64_t row = at.image.width * at.pixel;
  const int64_t first = tile.row * row + tile.column * at.pixel;
  V above[kOut];
  for (V& of_column : above) of_column = hn::Zero(D());
  for_each_output<kWidth, false>(tile, vectors, m, bias, activation,
                                 [&](int64_t vector, int64_t lane, int64_t of_row, const V(&z)[kOut]) HWY_ATTR {
                                   if (of_row % 2 == 0) {
                                     for (int j = 0; j < kOut; ++j) above[j] = z[j];
                                     return;
                                   }
                                   if (of_row / 2 >= rows) return;
                                   for (int j = 0; j < kPooled; ++j) {
                                     if (j >= columns) continue;
                                     LargestTap<D> largest(0, above[2 * j]);
                                     largest.meet(1, above[2 * j + 1]);
                                     largest.meet(2, z[2 * j]);
                                     largest.meet(3, z[2 * j + 1]);
                                     const int64_t to =
                                         first + vector * at.vector + of_row / 2 * row + j * at.pixel + lane;
                                     prefetch_to_write(y + to + at.vector);
                                     hn::Store(largest.value(), D(), y + to);
                                     if (winners == nullptr) continue;
                                     prefetch_to_write(winners + to + at.vector);
                                     largest.store_tap(kept, winners + to);
                                   }
                                 });
  clear_lanes(tile, vectors, rows, columns, y + first);
  if (winners != nullptr) clear_lanes(tile, vectors, rows, columns, winners + first);
}

void TransformOutputPooledTile(const ImageTile& tile, int64_t vectors, const TileCoefficients& m, const TileBias& bias,
                               Activation activation, float* y, ArgmaxTap* winners) {
  with_axis(tile.form.width, [&]<WinogradAxis kWidth> {
    transform_output_pooled<kWidth>(tile, vectors, m, bias, activation, y, winners);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

WinogradSteps winograd_steps(WinogradForm form) {
  struct AxisSteps {
    int64_t input, output, output_gradient;
  };
  const auto of_axis = [](WinogradAxis axis) -> AxisSteps {
    using enum WinogradAxis;
    switch (axis) {
      case kNone: return {0, 0, 0};
      case kF43: return {12, 12, 10};
      case kF33: return {12, 8, 5};
      case kF23: return {6, 4, 2};
      case kF13: return {4, 2, 0};
      case kF25: return {12, 8, 4};
    }
    return {};
  };
  // Columns first, then the rows that they become.
  const AxisSteps height = of_axis(form.height);
  const AxisSteps width = of_axis(form.width);
  const int64_t points = points_of(form.height);
  return {.input_column = height.input,
          .input_tile = points * width.input,
          .output = points_of(form.width) * height.output + tile_of(form.height) * width.output,
          .output_gradient = tile_of(form.width) * height.output_gradient + points * width.output_gradient};
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
