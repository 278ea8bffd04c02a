// Philox (common/random.h) of as many blocks at once as a vector has 64-bit lanes, to the same bits. Included once for
// every target.
#if defined(GRADLOOM_PHILOX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADLOOM_PHILOX_INL_H_
#undef GRADLOOM_PHILOX_INL_H_
#else
#define GRADLOOM_PHILOX_INL_H_
#endif

#include <cstdint>

#include "common/highway-inl.h"
#include "common/random.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {

using PhiloxNumbers = hwy::HWY_NAMESPACE::ScalableTag<uint64_t>;

// The words of a block in each lane, the first one in the low half.
struct PhiloxWords {
  hwy::HWY_NAMESPACE::Vec<PhiloxNumbers> first_two;
  hwy::HWY_NAMESPACE::Vec<PhiloxNumbers> last_two;
};

// The numbers first, first + n, first + 1, first + n + 1, ... for vectors of 2 n lanes: what neighbouring lanes draw
// goes into two vectors when these are interleaved by blocks of lanes, each of which then is in order.
HWY_INLINE hwy::HWY_NAMESPACE::Vec<PhiloxNumbers> numbers_for_interleaving(int64_t first) {
  namespace hn = hwy::HWY_NAMESPACE;
  const PhiloxNumbers d;
  const auto lane = hn::Iota(d, 0);
  const auto odd = hn::TestBit(lane, hn::Set(d, 1));
  const auto half = hn::Set(d, static_cast<uint64_t>(hn::Lanes(d) / 2));
  const auto order = hn::Add(hn::ShiftRight<1>(lane), hn::IfThenElseZero(odd, half));
  return hn::Add(order, hn::Set(d, static_cast<uint64_t>(first)));
}

// A stream, with what all of its blocks share.
class PhiloxStream {
 public:
  explicit PhiloxStream(const RandomStream& random) : zero_(random.counter(0)) {
    PhiloxKey key = random.key();
    for (uint64_t(&of_round)[2] : keys_) {
      of_round[0] = key[0];
      of_round[1] = key[1];
      key[0] += 0x9E3779B9;
      key[1] += 0xBB67AE85;
    }
  }

  // words[i] = blocks numbers[i], some vectors at once, since each round waits for the one before it. Of a lane only
  // the low half counts on the way: products take nothing else, and leave both of their halves.
  template <int kVectors>
  HWY_INLINE void draw(const hwy::HWY_NAMESPACE::Vec<PhiloxNumbers> (&numbers)[kVectors],
                       PhiloxWords (&words)[kVectors]) const {
    namespace hn = hwy::HWY_NAMESPACE;
    const PhiloxNumbers d;
    const hn::Repartition<uint32_t, PhiloxNumbers> halves;
    const auto by0 = hn::Set(halves, 0xD2511F53);
    const auto by1 = hn::Set(halves, 0xCD9E8D57);
    hn::Vec<PhiloxNumbers> c[kVectors][4];
    for (int i = 0; i < kVectors; ++i) {
      c[i][0] = numbers[i];
      c[i][1] = hn::Xor(hn::ShiftRight<32>(numbers[i]), hn::Set(d, zero_[1]));
      c[i][2] = hn::Set(d, zero_[2]);
      c[i][3] = hn::Set(d, zero_[3]);
    }
    for (const uint64_t(&key)[2] : keys_) {
      for (auto& counter : c) {
        const auto product0 = hn::MulEven(hn::BitCast(halves, counter[0]), by0);
        const auto product1 = hn::MulEven(hn::BitCast(halves, counter[2]), by1);
        counter[0] = hn::Xor(hn::Xor(hn::ShiftRight<32>(product1), counter[1]), hn::Set(d, key[0]));
        counter[1] = product1;
        counter[2] = hn::Xor(hn::Xor(hn::ShiftRight<32>(product0), counter[3]), hn::Set(d, key[1]));
        counter[3] = product0;
      }
    }
    for (int i = 0; i < kVectors; ++i) {
      words[i] = {side_by_side(c[i][0], c[i][1]), side_by_side(c[i][2], c[i][3])};
    }
  }

 private:
  // Low halves of two vectors, those of the second one above those of the first.
  static HWY_INLINE hwy::HWY_NAMESPACE::Vec<PhiloxNumbers> side_by_side(hwy::HWY_NAMESPACE::Vec<PhiloxNumbers> low,
                                                                        hwy::HWY_NAMESPACE::Vec<PhiloxNumbers> high) {
    namespace hn = hwy::HWY_NAMESPACE;
    const PhiloxNumbers d;
    const hn::Repartition<uint32_t, PhiloxNumbers> halves;
    return hn::BitCast(d, hn::OddEven(hn::BitCast(halves, hn::ShiftLeft<32>(high)), hn::BitCast(halves, low)));
  }

  static constexpr int kRounds = 10;
  PhiloxBlock zero_;  // the counter of block 0
  uint64_t keys_[kRounds][2];
};

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#endif
