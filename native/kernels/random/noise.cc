#include "kernels/random/noise.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/random/noise.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"
#include "hwy/contrib/math/math-inl.h"
#include "kernels/random/philox-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Doubles = hn::RebindToFloat<PhiloxNumbers>;
using Floats = hn::Rebind<float, Doubles>;

constexpr auto kBlocks = static_cast<int64_t>(hn::MaxLanes(PhiloxNumbers()));
constexpr int64_t kAtOnce = 2 * kBlocks;  // a block gives two values

// Of numbers below 2^32, exactly: as the last bits of 2^52.
HWY_INLINE hn::Vec<Doubles> to_doubles(hn::Vec<PhiloxNumbers> words) {
  const Doubles d;
  const auto power = hn::Set(d, 0x1p52);
  return hn::Sub(hn::BitCast(d, hn::Or(words, hn::BitCast(PhiloxNumbers(), power))), power);
}

// standard_normal (common/random.h) of the words in the low and high halves.
HWY_INLINE hn::Vec<Doubles> standard_normals(hn::Vec<PhiloxNumbers> words) {
  constexpr double kTwoPi = 6.28318530717958647692;
  const Doubles d;
  const auto first = to_doubles(hn::And(words, hn::Set(PhiloxNumbers(), 0xFFFFFFFF)));
  const auto second = to_doubles(hn::ShiftRight<32>(words));
  const auto uniform = hn::Mul(hn::Add(first, hn::Set(d, 1.0)), hn::Set(d, 0x1p-32));
  const auto radius = hn::Sqrt(hn::Mul(hn::Set(d, -2.0), hn::Log(d, uniform)));
  return hn::Mul(radius, hn::Cos(d, hn::Mul(hn::Set(d, kTwoPi * 0x1p-32), second)));
}

HWY_INLINE void draw_noise(const PhiloxStream& stream, double standard_deviation, int64_t first_block,
                           float* HWY_RESTRICT noise) {
  const Doubles d;
  const Floats floats;
  PhiloxWords words[1];
  stream.draw<1>({numbers_for_interleaving(first_block)}, words);
  const auto even = standard_normals(words[0].first_two);
  const auto odd = standard_normals(words[0].last_two);
  const auto deviation = hn::Set(d, standard_deviation);
  hn::Store(hn::DemoteTo(floats, hn::Mul(deviation, hn::InterleaveLower(d, even, odd))), floats, noise);
  hn::Store(hn::DemoteTo(floats, hn::Mul(deviation, hn::InterleaveUpper(d, even, odd))), floats, noise + kBlocks);
}

void AddNoise(const NoiseRule& rule, const NoiseStretch& stretch, const float* HWY_RESTRICT x, float* HWY_RESTRICT y) {
  const PhiloxStream stream(rule.random);
  HWY_ALIGN float noise[kAtOnce];
  for (int64_t i = 0; i < stretch.count; i += kAtOnce) {
    draw_noise(stream, rule.standard_deviation, (stretch.first + i) / 2, noise);
    const int64_t rest = HWY_MIN(kAtOnce, stretch.count - i);
    for (int64_t k = 0; k < rest; ++k) y[i + k] = x[i + k] + noise[k];
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(AddNoise);

void add_noise(const NoiseRule& rule, const NoiseStretch& stretch, const float* x, float* y) {
  HWY_DYNAMIC_DISPATCH(AddNoise)(rule, stretch, x, y);
}

}  // namespace gradloom
#endif  // HWY_ONCE
