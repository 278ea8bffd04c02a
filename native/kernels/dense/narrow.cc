#include "kernels/dense/narrow.h"

#include <type_traits>

#include "kernels/layout/lanes.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/dense/narrow.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"
#include "kernels/vectors/in_register-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, kLanes>;
using V = hn::Vec<D>;

// Sums of one vector of samples that run beside each other; those of the next block begin before these end.
constexpr int64_t kSums = 4;
// Of the units that meet kSums features: all sums are in registers.
constexpr int64_t kUnitSums = HWY_ARCH_X86 && HWY_MAX_BYTES < 64 ? 3 : 4;

// Where features lie in a block of samples, and how many floats it has.
struct Features {
  explicit Features(int64_t features) : count(features), block(features * kLanes) {
    for (int64_t i = 0; i < features; ++i) at[i] = i * kLanes;
  }
  Features(int64_t pixels, int64_t channels) : count(pixels * channels), block(count * kLanes) {
    for (int64_t p = 0; p < pixels; ++p) {
      for (int64_t c = 0; c < channels; ++c) at[p * channels + c] = (c * pixels + p) * kLanes;
    }
  }

  int64_t count;
  int64_t block;
  int64_t at[kMostNarrowFeatures];
};

// Calls body(first, std::integral_constant<int64_t, size>) for nearly equal parts of [0, count) of up to kMost.
template <int64_t kMost = kSums, class Body>
HWY_INLINE void in_parts(int64_t count, Body body) {
  static_assert(kMost <= 4);
  const int64_t parts = (count + kMost - 1) / kMost;
  for (int64_t part = 0; part < parts; ++part) {
    const int64_t first = part * count / parts;
    switch ((part + 1) * count / parts - first) {
      case 1: body(first, std::integral_constant<int64_t, 1>()); break;
      case 2: body(first, std::integral_constant<int64_t, 2>()); break;
      case 3: body(first, std::integral_constant<int64_t, 3>()); break;
      default: body(first, std::integral_constant<int64_t, kMost>()); break;
    }
  }
}

// Calls body(lane) for each vector of a block.
template <class Body>
HWY_INLINE void for_each_vector(Body body) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(D()));
  for (int64_t lane = 0; lane < kLanes; lane += lanes) body(lane);
}

// A matrix that is read in either direction.
struct Weights {
  const float* HWY_RESTRICT data;
  int64_t of_output;  // floats from output to output
  int64_t of_input;
};

// out[j, n] = bias[j] + sum over k of weights[j, k] in[k, n]; bias may be null.
HWY_INLINE void product(int64_t blocks, const Features& inputs, const Features& outputs, const Weights& weights,
                        const float* bias, const float* HWY_RESTRICT in, float* HWY_RESTRICT out) {
  const D d;
  in_parts(outputs.count, [&](int64_t first, auto size) HWY_ATTR {
    for (int64_t block = 0; block < blocks; ++block) {
      for_each_vector([&](int64_t lane) HWY_ATTR {
        V sum[size()];
        for (int64_t j = 0; j < size(); ++j) sum[j] = hn::Zero(d);
        const float* HWY_RESTRICT w = weights.data + first * weights.of_output;
        for (int64_t k = 0; k < inputs.count; ++k, w += weights.of_input) {
          const V values = hn::Load(d, in + block * inputs.block + inputs.at[k] + lane);
          for (int64_t j = 0; j < size(); ++j) {
            sum[j] = hn::MulAdd(hn::Set(d, w[j * weights.of_output]), values, sum[j]);
          }
        }
        for (int64_t j = 0; j < size(); ++j) {
          if (bias != nullptr) sum[j] = hn::Add(sum[j], hn::Set(d, bias[first + j]));
          hn::Store(sum[j], d, out + block * outputs.block + outputs.at[first + j] + lane);
        }
      });
    }
  });
}

void Forward(const DenseLanesShape& shape, int64_t blocks, const float* x, const float* weight, const float* bias,
             float* y) {
  product(blocks, Features(shape.pixels, shape.channels), Features(shape.units), {weight, 1, shape.units}, bias, x, y);
}

void InputGradient(const DenseLanesShape& shape, int64_t blocks, const float* weight, const float* dz, float* dx) {
  product(blocks, Features(shape.units), Features(shape.pixels, shape.channels), {weight, shape.units, 1}, nullptr, dz,
          dx);
}

void WeightGradient(const DenseLanesShape& shape, int64_t blocks, const float* HWY_RESTRICT x,
                    const float* HWY_RESTRICT dz, int64_t first, int64_t count, float* HWY_RESTRICT gradient) {
  const D d;
  const Features inputs(shape.pixels, shape.channels);
  const Features units(shape.units);
  in_parts(count, [&](int64_t first_row, auto rows) HWY_ATTR {
    in_parts<kUnitSums>(units.count, [&](int64_t first_unit, auto columns) HWY_ATTR {
      V sum[rows()][columns()];
      for (int64_t i = 0; i < rows(); ++i) {
        for (int64_t u = 0; u < columns(); ++u) sum[i][u] = hn::Zero(d);
      }
      for (int64_t block = 0; block < blocks; ++block) {
        for_each_vector([&](int64_t lane) HWY_ATTR {
          V slopes[columns()];
          for (int64_t u = 0; u < columns(); ++u) {
            slopes[u] = in_register(hn::Load(d, dz + block * units.block + units.at[first_unit + u] + lane));
          }
          for (int64_t i = 0; i < rows(); ++i) {
            const V values =
                in_register(hn::Load(d, x + block * inputs.block + inputs.at[first + first_row + i] + lane));
            for (int64_t u = 0; u < columns(); ++u) sum[i][u] = hn::MulAdd(values, slopes[u], sum[i][u]);
          }
        });
      }
      for (int64_t i = 0; i < rows(); ++i) {
        for (int64_t u = 0; u < columns(); ++u) {
          gradient[(first_row + i) * shape.units + first_unit + u] = hn::ReduceSum(d, sum[i][u]);
        }
      }
    });
  });
}

void BiasGradient(int64_t units, int64_t blocks, const float* HWY_RESTRICT dz, float* HWY_RESTRICT gradient) {
  const D d;
  for (int64_t u = 0; u < units; ++u) {
    V sum = hn::Zero(d);
    for (int64_t block = 0; block < blocks; ++block) {
      for_each_vector([&](int64_t lane)
                          HWY_ATTR { sum = hn::Add(sum, hn::Load(d, dz + (block * units + u) * kLanes + lane)); });
    }
    gradient[u] = hn::ReduceSum(d, sum);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(Forward);
HWY_EXPORT(InputGradient);
HWY_EXPORT(WeightGradient);
HWY_EXPORT(BiasGradient);

void dense_narrow_forward(const DenseLanesShape& shape, int64_t blocks, const float* x, const float* weight,
                          const float* bias, float* y) {
  HWY_DYNAMIC_DISPATCH(Forward)(shape, blocks, x, weight, bias, y);
}

void dense_narrow_input_gradient(const DenseLanesShape& shape, int64_t blocks, const float* weight, const float* dz,
                                 float* dx) {
  HWY_DYNAMIC_DISPATCH(InputGradient)(shape, blocks, weight, dz, dx);
}

void dense_narrow_weight_gradient(const DenseLanesShape& shape, int64_t blocks, const float* x, const float* dz,
                                  int64_t first, int64_t count, float* gradient) {
  HWY_DYNAMIC_DISPATCH(WeightGradient)(shape, blocks, x, dz, first, count, gradient);
}

void dense_narrow_bias_gradient(int64_t units, int64_t blocks, const float* dz, float* gradient) {
  HWY_DYNAMIC_DISPATCH(BiasGradient)(units, blocks, dz, gradient);
}

}  // namespace gradloom
#endif  // HWY_ONCE
