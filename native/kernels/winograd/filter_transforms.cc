// Winograd's transforms of filters and of their gradient (kernels/winograd/transforms.h).
#include "kernels/winograd/transforms.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/winograd/filter_transforms.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"
#include "hwy/cache_control.h"
#include "kernels/winograd/axes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Calls call<kHeight, kWidth>() for the form of whole tiles.
template <class Call>
void with_form(WinogradForm form, Call call) {
  using enum WinogradAxis;
  if (form == WinogradForm::kF4x3) return call.template operator()<kF43, kF43>();
  if (form == WinogradForm::kF2x5) return call.template operator()<kF25, kF25>();
  switch (form.height) {
    case kF43: return call.template operator()<kF43, kNone>();
    case kF25: return call.template operator()<kF25, kNone>();
    default: break;
  }
  form.width == kF43 ? call.template operator()<kNone, kF43>() : call.template operator()<kNone, kF25>();
}

// One axis, then the other: load(j, column) for each column, then visit(i, row) for each row of its transform.
template <class Height, class Width, class Load, class Visit>
HWY_INLINE void transform(Load load, Visit visit) {
  V half[Height::kTo][Width::kFrom];
  for (int j = 0; j < Width::kFrom; ++j) {
    V column[Height::kFrom];
    V out[Height::kTo];
    load(j, column);
    Height::apply(column, out);
    for (int i = 0; i < Height::kTo; ++i) half[i][j] = out[i];
  }
  for (int i = 0; i < Height::kTo; ++i) {
    V row[Width::kTo];
    Width::apply(half[i], row);
    visit(i, row);
  }
}

// Calls of(row, column, whole, rest) for each vector of `rows` x `columns`; of one that is not whole `rest` floats
// count.
template <class Of>
HWY_INLINE void for_each_vector(int64_t rows, int64_t columns, Of of) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(D()));
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t c = 0; c < columns; c += lanes) of(row, c, columns - c >= lanes, static_cast<size_t>(columns - c));
  }
}

template <class Height, class Width>
void transform_filters(int64_t rows, int64_t columns, const WeightTaps<const float>& given,
                       const WeightPlanes<float>& to) {
  const D d;
  const WeightTaps<const float> w = given;
  const WeightPlanes<float> u = to;
  for_each_vector(rows, columns, [&](int64_t row, int64_t c, bool whole, size_t rest) HWY_ATTR {
    const float* const source = w.data + row * w.row + c;
    float* const target = u.data + row * u.row + c;
    transform<Height, Width>(
        [&](int s, V(&column)[Height::kFrom]) HWY_ATTR {
          const float* at = source + s * w.tap;
          for (int r = 0; r < Height::kFrom; ++r, at += w.tap_row) {
            if (r >= w.taps.height || s >= w.taps.width) {
              column[r] = hn::Zero(d);
              continue;
            }
            hwy::Prefetch(at + w.row);
            column[r] = whole ? hn::LoadU(d, at) : load_first(d, at, rest);
          }
        },
        [&](int i, const V(&of_row)[Width::kTo]) HWY_ATTR {
          float* at = target + i * Width::kTo * u.plane;
          for (int j = 0; j < Width::kTo; ++j, at += u.plane) {
            whole ? hn::StoreU(of_row[j], d, at) : store_first(of_row[j], d, at, rest);
          }
        });
  });
}

template <class Height, class Width>
void transform_filter_gradient(int64_t rows, int64_t columns, const WeightPlanes<const float>& from,
                               const WeightTaps<float>& to) {
  const D d;
  const WeightPlanes<const float> u = from;
  const WeightTaps<float> gradient = to;
  for_each_vector(rows, columns, [&](int64_t row, int64_t c, bool whole, size_t rest) HWY_ATTR {
    const float* const source = u.data + row * u.row + c;
    float* const target = gradient.data + row * gradient.row + c;
    transform<Height, Width>(
        [&](int j, V(&column)[Height::kFrom]) HWY_ATTR {
          const float* at = source + j * u.plane;
          for (int i = 0; i < Height::kFrom; ++i, at += Width::kFrom * u.plane) {
            hwy::Prefetch(at + u.row);
            column[i] = whole ? hn::LoadU(d, at) : load_first(d, at, rest);
          }
        },
        [&](int r, const V(&of_row)[Width::kTo]) HWY_ATTR {
          if (r >= gradient.taps.height) return;
          float* at = target + r * gradient.tap_row;
          for (int s = 0; s < Width::kTo && s < gradient.taps.width; ++s, at += gradient.tap) {
            whole ? hn::StoreU(of_row[s], d, at) : store_first(of_row[s], d, at, rest);
          }
        });
  });
}

void TransformFilters(WinogradForm form, int64_t rows, int64_t columns, const WeightTaps<const float>& w,
                      const WeightPlanes<float>& u) {
  with_form(form, [&]<WinogradAxis kHeight, WinogradAxis kWidth> {
    transform_filters<TransformFilter<kHeight>, TransformFilter<kWidth>>(rows, columns, w, u);
  });
}

void TransformFilterGradients(WinogradForm form, int64_t rows, int64_t columns, const WeightPlanes<const float>& u,
                              const WeightTaps<float>& gradient) {
  with_form(form, [&]<WinogradAxis kHeight, WinogradAxis kWidth> {
    transform_filter_gradient<TransformFilterGradient<kHeight>, TransformFilterGradient<kWidth>>(rows, columns, u,
                                                                                                 gradient);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(TransformFilters);
HWY_EXPORT(TransformFilterGradients);

void winograd_transform_filters(WinogradForm form, int64_t rows, int64_t columns, const WeightTaps<const float>& w,
                                const WeightPlanes<float>& u) {
  HWY_DYNAMIC_DISPATCH(TransformFilters)(form, rows, columns, w, u);
}

void winograd_transform_filter_gradient(WinogradForm form, int64_t rows, int64_t columns,
                                        const WeightPlanes<const float>& u, const WeightTaps<float>& gradient) {
  HWY_DYNAMIC_DISPATCH(TransformFilterGradients)(form, rows, columns, u, gradient);
}

}  // namespace gradloom
#endif  // HWY_ONCE
