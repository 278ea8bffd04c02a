#include "kernels/machine/limits.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/machine/limits.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"
#include "common/prefetch.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, 16>;
using V = hn::Vec<D>;

// In groups because g++ unrolls no longer loops. With two constants, and a product on its way where nothing is fused,
// the chains have room in 32 or 16 registers.
constexpr int kGroup = 6;
#if HWY_MAX_BYTES >= 64 || HWY_ARCH_ARM_A64
constexpr int kGroups = 4;
#else
constexpr int kGroups = 2;
#endif
constexpr int kChains = kGroups * kGroup;

int64_t FlopsOfRound() { return 2 * kChains * static_cast<int64_t>(hn::Lanes(D())); }

HWY_INLINE float sum_of_lanes(V sum) {
  const D d;
  float lanes[16];
  hn::StoreU(sum, d, lanes);
  float total = 0;
  for (size_t lane = 0; lane < hn::Lanes(d); ++lane) total += lanes[lane];
  return total;
}

float MultiplyAddChains(int64_t rounds, float factor, float addend) {
  const D d;
  const V by = hn::Set(d, factor);
  const V more = hn::Set(d, addend);
  V chains[kGroups][kGroup];
  for (int g = 0; g < kGroups; ++g) {
    for (int i = 0; i < kGroup; ++i) {
      chains[g][i] = hn::Set(d, static_cast<float>(g * kGroup + i) - static_cast<float>(kChains - 1) / 2);
    }
  }
  for (int64_t round = 0; round < rounds; ++round) {
    for (int g = 0; g < kGroups; ++g) {
      for (int i = 0; i < kGroup; ++i) chains[g][i] = hn::MulAdd(chains[g][i], by, more);
    }
  }
  V sum = hn::Zero(d);
  for (int g = 0; g < kGroups; ++g) {
    for (int i = 0; i < kGroup; ++i) sum = hn::Add(sum, chains[g][i]);
  }
  return sum_of_lanes(sum);
}

// Enough to hide how long a root and a division take, also where vectors are narrow and take few cycles each.
constexpr int kRootGroups = 2;
constexpr int kRootChains = kRootGroups * kGroup;

int64_t RootsAndDivisionsOfRound() { return 2 * kRootChains * static_cast<int64_t>(hn::Lanes(D())); }

float RootDivisionChains(int64_t rounds, float dividend) {
  const D d;
  const V divided = hn::Set(d, dividend);
  V chains[kRootGroups][kGroup];
  for (auto& group : chains) {
    for (V& x : group) x = hn::Set(d, 1);
  }
  for (int64_t round = 0; round < rounds; ++round) {
    for (auto& group : chains) {
      for (V& x : group) x = hn::Div(divided, hn::Sqrt(x));
    }
  }
  V sum = hn::Zero(d);
  for (const auto& group : chains) {
    for (const V& x : group) sum = hn::Add(sum, x);
  }
  return sum_of_lanes(sum);
}

constexpr int64_t kLineFloats = 16;

// visit(row) for each of them; line(address) for those of a row some places on.
template <class Floats, class Line, class Visit>
HWY_INLINE void visit_placed(Floats* table, const PlacedRows& rows, Line line, Visit visit) {
  const int64_t width = rows.lines * kLineFloats;
  const int64_t ahead = prefetch_distance(width * static_cast<int64_t>(sizeof(float)));
  for (int64_t i = 0; i < rows.count; ++i) {
    if (i + ahead < rows.count) {
      const Floats* const coming = table + rows.places[i + ahead] * width;
      for (int64_t at = 0; at < width; at += kLineFloats) line(coming + at);
    }
    visit(table + rows.places[i] * width);
  }
}

float SumPlacedRows(const float* table, const PlacedRows& rows) {
  const D d;
  const int64_t width = rows.lines * kLineFloats;
  V sum = hn::Zero(d);
  const auto add = [&](const float* row) HWY_ATTR {
    for (int64_t i = 0; i < width; i += static_cast<int64_t>(hn::Lanes(d))) sum = hn::Add(sum, hn::LoadU(d, row + i));
  };
  if (rows.from_memory) {
    visit_placed(
        table, rows, [](const void* address) { prefetch_to_l2(address); }, add);
  } else {
    visit_placed(
        table, rows, [](const void*) {}, add);
  }
  return hn::ReduceSum(d, sum);
}

void ScalePlacedRows(float* table, const PlacedRows& rows, float factor) {
  const D d;
  const int64_t width = rows.lines * kLineFloats;
  const V by = hn::Set(d, factor);
  const auto scale = [&](float* row) HWY_ATTR {
    for (int64_t i = 0; i < width; i += static_cast<int64_t>(hn::Lanes(d))) {
      hn::StoreU(hn::Mul(hn::LoadU(d, row + i), by), d, row + i);
    }
  };
  with_prefetch(rows.from_memory, [&](auto line) HWY_ATTR { visit_placed(table, rows, line, scale); });
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(FlopsOfRound);
HWY_EXPORT(MultiplyAddChains);
HWY_EXPORT(RootsAndDivisionsOfRound);
HWY_EXPORT(RootDivisionChains);
HWY_EXPORT(SumPlacedRows);
HWY_EXPORT(ScalePlacedRows);

float multiply_add_chains(int64_t rounds, float factor, float addend) {
  return HWY_DYNAMIC_DISPATCH(MultiplyAddChains)(rounds, factor, addend);
}

int64_t multiply_add_flops(int64_t rounds) { return rounds * HWY_DYNAMIC_DISPATCH(FlopsOfRound)(); }

float root_division_chains(int64_t rounds, float dividend) {
  return HWY_DYNAMIC_DISPATCH(RootDivisionChains)(rounds, dividend);
}

int64_t roots_and_divisions(int64_t rounds) { return rounds * HWY_DYNAMIC_DISPATCH(RootsAndDivisionsOfRound)(); }

float sum_placed_rows(const float* table, const PlacedRows& rows) {
  return HWY_DYNAMIC_DISPATCH(SumPlacedRows)(table, rows);
}

void scale_placed_rows(float* table, const PlacedRows& rows, float factor) {
  HWY_DYNAMIC_DISPATCH(ScalePlacedRows)(table, rows, factor);
}

}  // namespace gradloom
#endif  // HWY_ONCE
