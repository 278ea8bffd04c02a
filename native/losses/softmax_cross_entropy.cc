#include "losses/softmax_cross_entropy.h"

#include <cmath>

#include "common/error.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "losses/softmax_cross_entropy.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"

#include "hwy/contrib/math/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Returns the sum of exponentials[i] = e^(z[i] - shift).
double exponentials_of(const float* HWY_RESTRICT z, int64_t count, float shift, float* HWY_RESTRICT exponentials) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto m = hn::Set(d, shift);
  // e^-104 is 0 in float; Highway's Exp wants its argument bounded.
  const auto exponential = [&](auto v) { return hn::Exp(d, hn::Max(hn::Sub(v, m), hn::Set(d, -104.0F))); };
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) hn::StoreU(exponential(hn::LoadU(d, z + i)), d, exponentials + i);
  if (i < count) {
    const auto rest = static_cast<size_t>(count - i);
    hn::StoreN(exponential(hn::LoadN(d, z + i, rest)), d, exponentials + i, rest);
  }
  double sum = 0;
  for (int64_t j = 0; j < count; ++j) sum += exponentials[j];
  return sum;
}

double ComputeRow(const float* z, int64_t count, int32_t target, float scale, float* gradient) {
  float largest = z[0];
  bool nan = false;
  for (int64_t i = 0; i < count; ++i) {
    largest = z[i] > largest ? z[i] : largest;
    nan |= std::isnan(z[i]);
  }
  if (nan || std::isinf(largest)) {
    for (int64_t i = 0; gradient != nullptr && i < count; ++i) gradient[i] = NAN;  // for runs that go on
    return NAN;
  }
  double sum = 0;
  if (gradient != nullptr) {
    sum = exponentials_of(z, count, largest, gradient);
    const float factor = static_cast<float>(scale / sum);
    for (int64_t i = 0; i < count; ++i) gradient[i] *= factor;
    gradient[target] -= scale;
  } else {
    float chunk[256];
    for (int64_t i = 0; i < count; i += 256)
      sum += exponentials_of(z + i, count - i < 256 ? count - i : 256, largest, chunk);
  }
  return std::log(sum) - (static_cast<double>(z[target]) - largest);
}

double Compute(const LossArguments& args) {
  double total = 0;
  for (int64_t row = 0; row < args.rows; ++row) {
    const int64_t first = row * args.columns;
    total += ComputeRow(args.outputs + first, args.columns, args.targets.classes[row], args.scale,
                        args.gradient == nullptr ? nullptr : args.gradient + first);
  }
  return total;
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(Compute);

double SoftmaxCrossEntropy::compute(const LossArguments& args) const { return HWY_DYNAMIC_DISPATCH(Compute)(args); }

void SoftmaxCrossEntropy::check_outputs(const Shape& output_shape) const {
  if (output_shape.rank() != 1 || output_shape.size() < 2) {
    throw Error("SHAPE_MISMATCH", "softmaxCrossEntropy: the model's outputs have shape " + output_shape.to_string() +
                                      "; one logit a class is expected, [classes] with at least 2. End the model in "
                                      "dense({ units: classes })");
  }
}

}  // namespace gradloom
#endif  // HWY_ONCE
