#include "kernels/random/dropout.h"

#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/random/dropout.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"
#include "kernels/random/philox-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using Words = hn::RebindToUnsigned<D>;
using Kept = hn::Mask<D>;

constexpr int64_t kLanesOfD = static_cast<int64_t>(hn::MaxLanes(D()));
constexpr int kVectors = 4;  // of values at once, and of words: two vectors of blocks
constexpr int64_t kAtOnce = kVectors * kLanesOfD;
static_assert(kDropMultiple % kAtOnce == 0);

// Bits of a vector of four lanes fill half a byte.
HWY_INLINE void store_kept(const Kept (&kept)[kVectors], uint8_t* to) {
  uint8_t bits[kAtOnce / 8 + 8] = {};
  for (int v = 0; v < kVectors; ++v) {
    if constexpr (kLanesOfD >= 8) {
      hn::StoreMaskBits(D(), kept[v], bits + v * kLanesOfD / 8);
    } else {
      uint8_t half[8] = {};
      hn::StoreMaskBits(D(), kept[v], half);
      bits[v / 2] = static_cast<uint8_t>(bits[v / 2] | half[0] << (v % 2 * 4));
    }
  }
  std::memcpy(to, bits, kAtOnce / 8);
}

HWY_INLINE void load_kept(const uint8_t* from, Kept (&kept)[kVectors]) {
  uint8_t bits[kAtOnce / 8 + 8] = {};
  std::memcpy(bits, from, kAtOnce / 8);
  for (int v = 0; v < kVectors; ++v) {
    if constexpr (kLanesOfD >= 8) {
      kept[v] = hn::LoadMaskBits(D(), bits + v * kLanesOfD / 8);
    } else {
      const uint8_t half[8] = {static_cast<uint8_t>(bits[v / 2] >> (v % 2 * 4))};
      kept[v] = hn::LoadMaskBits(D(), half);
    }
  }
}

// out[i] = kept ? in[i] scale : 0, where keeps(i, kept) says it of the kAtOnce values from i on.
template <class Keeps>
HWY_INLINE void keep(float scale, int64_t count, const float* HWY_RESTRICT in, float* HWY_RESTRICT out, Keeps keeps) {
  const D d;
  const auto factor = hn::Set(d, scale);
  Kept kept[kVectors];
  int64_t i = 0;
  for (; i + kAtOnce <= count; i += kAtOnce) {
    keeps(i, kept);
    for (int v = 0; v < kVectors; ++v) {
      const int64_t at = i + v * kLanesOfD;
      hn::StoreU(hn::IfThenElseZero(kept[v], hn::Mul(hn::LoadU(d, in + at), factor)), d, out + at);
    }
  }
  if (i == count) return;
  keeps(i, kept);
  for (int v = 0; v < kVectors && i < count; ++v, i += kLanesOfD) {
    const auto rest = static_cast<size_t>(HWY_MIN(kLanesOfD, count - i));
    store_first(hn::IfThenElseZero(kept[v], hn::Mul(load_first(d, in + i, rest), factor)), d, out + i, rest);
  }
}

// Draws what is kept, and notes it.
struct Draw {
  const PhiloxStream& stream;
  int64_t first_block;
  uint32_t threshold;
  uint8_t* kept_bits;

  HWY_INLINE void operator()(int64_t i, Kept (&kept)[kVectors]) const {
    const PhiloxNumbers d;
    constexpr int64_t kBlocks = static_cast<int64_t>(hn::MaxLanes(d));
    static_assert(kAtOnce == 4 * 2 * kBlocks);
    const auto first = numbers_for_interleaving(first_block + i / 4);
    PhiloxWords words[2];
    stream.draw<2>({first, hn::Add(first, hn::Set(d, kBlocks))}, words);
    for (int v = 0; v < 2; ++v) {
      kept[2 * v] = is_kept(hn::InterleaveLower(d, words[v].first_two, words[v].last_two));
      kept[2 * v + 1] = is_kept(hn::InterleaveUpper(d, words[v].first_two, words[v].last_two));
    }
    store_kept(kept, kept_bits + i / 8);
  }

  HWY_INLINE Kept is_kept(hn::Vec<PhiloxNumbers> drawn) const {
    const Words words;
    return hn::RebindMask(D(), hn::Not(hn::Lt(hn::BitCast(words, drawn), hn::Set(words, threshold))));
  }
};

struct Remember {
  const uint8_t* kept_bits;

  HWY_INLINE void operator()(int64_t i, Kept (&kept)[kVectors]) const { load_kept(kept_bits + i / 8, kept); }
};

void Drop(const DropRule& rule, const DropStretch& stretch, const float* x, uint8_t* kept, float* y) {
  const PhiloxStream stream(rule.random);
  keep(rule.scale, stretch.count, x, y, Draw{stream, stretch.first / 4, rule.threshold, kept});
}

void DropAgain(float scale, int64_t count, const uint8_t* kept, const float* dy, float* dx) {
  keep(scale, count, dy, dx, Remember{kept});
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(Drop);
HWY_EXPORT(DropAgain);

void drop(const DropRule& rule, const DropStretch& stretch, const float* x, uint8_t* kept, float* y) {
  HWY_DYNAMIC_DISPATCH(Drop)(rule, stretch, x, kept, y);
}

void drop_again(float scale, int64_t count, const uint8_t* kept, const float* dy, float* dx) {
  HWY_DYNAMIC_DISPATCH(DropAgain)(scale, count, kept, dy, dx);
}

}  // namespace gradloom
#endif  // HWY_ONCE
