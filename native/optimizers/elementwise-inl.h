// The loop of the rules that work element by element. A rule is a struct with its numbers spread over the lanes, which
// does the same to every lane, by
//   void apply(V gradient, V& weight, V* states) const
// or in two phases, of which the first changes the states and the second, which divides by its result, the weight:
//   V divisor(V gradient, V weight, V* states) const
//   void move(V gradient, V divisor, const V* states, V& weight) const
// Included once for every target.
#if defined(GRADLOOM_OPTIMIZERS_ELEMENTWISE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADLOOM_OPTIMIZERS_ELEMENTWISE_INL_H_
#undef GRADLOOM_OPTIMIZERS_ELEMENTWISE_INL_H_
#else
#define GRADLOOM_OPTIMIZERS_ELEMENTWISE_INL_H_
#endif

#include <algorithm>
#include <array>

#include "common/checked.h"
#include "common/highway-inl.h"
#include "common/prefetch.h"
#include "hwy/cache_control.h"
#include "kernels/gemm/product_tile-inl.h"
#include "optimizers/optimizer.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

HWY_INLINE V broadcast(double value) { return hn::Set(D(), static_cast<float>(value)); }

// What flips the sign of a gradient when the loss is to be climbed.
HWY_INLINE V sign_of(bool maximize) { return hn::Set(D(), maximize ? -0.0F : 0.0F); }

// Whether all of some vectors are finite: less themselves they are 0 then, and NaN otherwise, whose bits stay.
class FiniteCheck {
 public:
  HWY_INLINE FiniteCheck() : all_(hn::Zero(D())) {}

  HWY_INLINE void add(V values) { all_ = hn::Or(all_, hn::Sub(values, values)); }
  HWY_INLINE void add(const FiniteCheck& others) { all_ = hn::Or(all_, others.all_); }
  GradientCheck check() const {
    return hn::AllTrue(D(), hn::Eq(all_, hn::Zero(D()))) ? GradientCheck::kFinite : GradientCheck::kNotFinite;
  }

 private:
  V all_;
};

template <class Rule>
concept InPhases = requires(const Rule& rule, V v, V* states) {
  rule.move(v, rule.divisor(v, v, states), states, v);
};

template <class Rule>
HWY_INLINE void apply(const Rule& rule, V gradient, V& weight, V* states) {
  if constexpr (InPhases<Rule>) {
    const V divisor = rule.divisor(gradient, weight, states);
    rule.move(gradient, divisor, states, weight);
  } else {
    rule.apply(gradient, weight, states);
  }
}

template <size_t kStates, class Rule>
class ElementUpdate {
 public:
  static constexpr bool kInPhases = InPhases<Rule>;

  ElementUpdate(const Rule& rule, float* weight, const float* gradient, float* const* states)
      : rule_(rule), weight_(weight), gradient_(gradient) {
    std::copy_n(states, kStates, states_.begin());
  }
  ElementUpdate(const Rule& rule, const UpdateArguments& args)
      : ElementUpdate(rule, args.weight, args.gradient, args.states) {}

  HWY_INLINE void all(int64_t count) {
    const auto lanes = static_cast<int64_t>(hn::Lanes(D()));
    int64_t i = 0;
    for (; i + lanes <= count; i += lanes) vector(i);
    if (i < count) part(i, static_cast<size_t>(count - i));
  }

  // The same for a row of a table: its end is a whole vector, too, where it has room for one. A part of a vector waits
  // for the lines and stores of the rows behind.
  HWY_INLINE void row(int64_t width) {
    const auto lanes = static_cast<int64_t>(hn::Lanes(D()));
    if (width < lanes || width % lanes == 0) return all(width);
    // Made before the vector that it shares elements with is stored.
    const Updated last = updated(width - lanes);
    for (int64_t i = 0; i + lanes <= width; i += lanes) vector(i);
    store(last, width - lanes);
  }

  // Elements i, i + 1, ... of one vector.
  HWY_INLINE void vector(int64_t i) { store(updated(i), i); }
  // By this gradient.
  HWY_INLINE void vector(int64_t i, V gradient) { store(updated(i, gradient), i); }

  // The same in two phases: the first updates the states and gives what the second divides by.
  HWY_INLINE V divisor(int64_t i, V gradient) {
    const D d;
    V s[kAtLeastOne];
    load_states(i, s);
    const V divisor = rule_.divisor(gradient, hn::LoadU(d, weight_ + i), s);
    for (size_t k = 0; k < kStates; ++k) hn::StoreU(s[k], d, states_[k] + i);
    return divisor;
  }
  HWY_INLINE void move(int64_t i, V gradient, V divisor) {
    const D d;
    V s[kAtLeastOne];
    load_states(i, s);
    V w = hn::LoadU(d, weight_ + i);
    rule_.move(gradient, divisor, s, w);
    finite_.add(w);
    hn::StoreU(w, d, weight_ + i);
  }

  // The first `rest` of them.
  HWY_INLINE void part(int64_t i, size_t rest) {
    const D d;
    V s[kAtLeastOne];
    V w = load_first(d, weight_ + i, rest);
    for (size_t k = 0; k < kStates; ++k) s[k] = load_first(d, states_[k] + i, rest);
    apply(rule_, load_first(d, gradient_ + i, rest), w, s);
    // The lanes beyond the end may hold 0 / 0.
    finite_.add(hn::IfThenElseZero(hn::FirstN(d, rest), w));
    store_first(w, d, weight_ + i, rest);
    for (size_t k = 0; k < kStates; ++k) store_first(s[k], d, states_[k] + i, rest);
  }

  // The lines of the vector at element i; those of gradients were just written.
  HWY_INLINE void prefetch(int64_t i) const {
    prefetch_to_write(weight_ + i);
    for (size_t k = 0; k < kStates; ++k) prefetch_to_write(states_[k] + i);
  }

  const FiniteCheck& finite() const { return finite_; }
  GradientCheck check() const { return finite_.check(); }

 private:
  static constexpr size_t kAtLeastOne = kStates == 0 ? 1 : kStates;

  struct Updated {
    V weight;
    V states[kAtLeastOne];
  };

  HWY_INLINE void load_states(int64_t i, V* states) const {
    for (size_t k = 0; k < kStates; ++k) states[k] = hn::LoadU(D(), states_[k] + i);
  }

  HWY_INLINE Updated updated(int64_t i) { return updated(i, hn::LoadU(D(), gradient_ + i)); }
  HWY_INLINE Updated updated(int64_t i, V gradient) {
    const D d;
    Updated u;
    u.weight = hn::LoadU(d, weight_ + i);
    load_states(i, u.states);
    apply(rule_, gradient, u.weight, u.states);
    finite_.add(u.weight);
    return u;
  }
  HWY_INLINE void store(const Updated& u, int64_t i) {
    hn::StoreU(u.weight, D(), weight_ + i);
    for (size_t k = 0; k < kStates; ++k) hn::StoreU(u.states[k], D(), states_[k] + i);
  }

  const Rule rule_;
  float* HWY_RESTRICT weight_;
  const float* HWY_RESTRICT gradient_;
  std::array<float * HWY_RESTRICT, kStates> states_;
  FiniteCheck finite_;
};

// Whether a tile's product leaves an update registers, so that one can run beside the other. A sum that is driven into
// memory, or comes from there at every step, makes all of them wait: with 16 registers the update comes behind.
constexpr bool kBeside = !HWY_ARCH_X86 || HWY_MAX_BYTES >= 64;

// Rows of a tile that leaves an update of so many states its registers.
template <size_t kStates>
constexpr int rows_beside() {
  return kRowTile - (kBeside && kStates >= 2 ? 1 : 0);
}

constexpr int64_t kTileFloats = kRowTile * kVectorTile * HWY_MAX_BYTES / sizeof(float);

// A tile of the gradient whose update is due, by a rule in two phases or in one.
template <bool kInPhases>
struct DueTile {
  // Steps of the update from phase to phase of a vector: what waits for a root or a quotient takes the room of
  // multiply-adds that could start.
  static constexpr int64_t kPhasesApart = kInPhases ? 3 : 0;

  const int64_t* elements;  // where each of its vectors begins, counted from `first`
  int64_t ahead;            // weights so many floats behind are prefetched; 0: none
  // Its rows side by side, and kTileFloats behind them room for as many divisors.
  float* gradient = nullptr;
  int64_t first = 0;
  int64_t vectors = 0;

  // Of the update, a vector each.
  int64_t steps() const { return vectors == 0 ? 0 : vectors + kPhasesApart; }

  template <class Update>
  HWY_INLINE void step(int64_t i, Update& updates) const {
    const D d;
    const auto lanes = static_cast<int64_t>(hn::Lanes(d));
    float* const begins = gradient + i * lanes;
    if (i < vectors) {
      const int64_t element = first + elements[i];
      if (ahead > 0) updates.prefetch(element + ahead);
      const V g = hn::Load(d, begins);
      if constexpr (kInPhases) {
        hn::Store(updates.divisor(element, g), d, begins + kTileFloats);
      } else {
        updates.vector(element, g);
      }
    }
    if constexpr (kInPhases) {
      if (i < kPhasesApart) return;
      const float* const ends = begins - kPhasesApart * lanes;
      updates.move(first + elements[i - kPhasesApart], hn::Load(d, ends), hn::Load(d, ends + kTileFloats));
    }
  }

  // All of them, in so few instructions that the next tile begins beside them.
  template <class Update>
  HWY_INLINE void update_all(Update& updates) const {
    const auto lanes = static_cast<int64_t>(hn::Lanes(D()));
    constexpr int64_t kLineFloats = 16;
    const float* from = gradient;
    for (int64_t i = 0; i < vectors; i += kVectorTile) {
      const int64_t row = first + elements[i];
      for (int v = 0; v < kVectorTile; ++v, from += lanes) {
        if (ahead > 0 && v * lanes % kLineFloats == 0) updates.prefetch(row + v * lanes + ahead);
        updates.vector(row + v * lanes, hn::Load(D(), from));
      }
    }
  }
};

// Makes a tile of the product while the update of another one runs, a step of it behind every kEvery steps of the sum:
// square roots and divisions have a unit of their own, and weights come from far. Behind the sum, for a kEvery of 0.
template <int kRows, int64_t kEvery, class Update>
HWY_INLINE void tile_beside_update(const TileOperands& o, const DueTile<Update::kInPhases>& due, Update& update) {
  const int64_t steps = due.steps();
  product_tile<kRows, kVectorTile, NoEnd>(o, [&](int64_t k) {
    if constexpr (kEvery > 0) {
      if (k % kEvery == 0 && k < kEvery * steps) due.step(k / kEvery, update);
    }
  });
  if constexpr (kEvery == 0) {
    due.update_all(update);
  } else {
    for (int64_t i = ceil_divide(o.depth, kEvery); i < steps; ++i) due.step(i, update);
  }
}

template <int kRows, class Update>
HWY_INLINE void tile_beside_update(const TileOperands& o, const DueTile<Update::kInPhases>& due, Update& update) {
  // Updates back to back wait for memory and fill the reorder buffer; further apart they do not fit short sums. Second
  // phases may come behind.
  constexpr int64_t kSumSteps = 4;
  if constexpr (!kBeside) {
    tile_beside_update<kRows, 0>(o, due, update);
  } else if (o.depth >= kSumSteps * kRowTile * kVectorTile) {
    tile_beside_update<kRows, kSumSteps>(o, due, update);
  } else {
    tile_beside_update<kRows, 1>(o, due, update);
  }
}

// Whether all of a product is whole tiles of more than two rows, each made in one sum as simd_gemm makes it.
inline bool fits_tiles(const DueProduct& product) {
  const ProductShape& shape = product.shape;
  return shape.rows > 2 && shape.columns % (kVectorTile * static_cast<int64_t>(hn::Lanes(D()))) == 0 &&
         shape.depth <= (packs_rows(shape, product.a) ? kPackedDepth : kDepthBlock);
}

// The gradient itself is nowhere but in the tile that is made and the one that is due.
template <size_t kStates, class Rule>
HWY_NOINLINE GradientCheck update_beside_product(const Rule& rule, const UpdateArguments& args) {
  const auto& [shape, a, b, c, upcoming] = *args.product;
  const int64_t width = kVectorTile * static_cast<int64_t>(hn::Lanes(D()));
  HWY_ALIGN float gradients[2][2 * kTileFloats];
  std::array<int64_t, size_t{kRowTile} * kVectorTile> elements;
  for (int64_t r = 0, i = 0; r < kRowTile; ++r) {
    for (int64_t v = 0; v < kVectorTile; ++v, ++i) elements[i] = r * shape.columns + v * (width / kVectorTile);
  }
  using Update = ElementUpdate<kStates, Rule>;
  Update update(rule, args);
  TileOperands o = operands_of(a, b.stride, width);
  o.depth = shape.depth;
  constexpr int64_t kLinesATile = 8;  // no more on their way than a core follows at once
  // A page: what memory takes to answer is what two or three tiles of a small batch take.
  constexpr int64_t kPrefetchedFloats = 1024;
  // Without AVX-512 L2 is small, too.
  DueTile<Update::kInPhases> due{elements.data(), args.from_memory || !kBeside ? kPrefetchedFloats : 0};
  PrefetchQueue ahead(upcoming);
  constexpr int kRows = rows_beside<kStates>();
  const int64_t tiles = (shape.rows + kRows - 1) / kRows;
  // All columns of some rows before the next ones, so that weights are met in the order that they lie in.
  int64_t row = 0;
  int64_t column = 0;
  for (int64_t t = 0, made = 0; t < tiles; ++made) {
    const int64_t count = (t + 1) * shape.rows / tiles - row;
    o.a = a.data + row * o.a_row;
    o.b = b.data + column;
    o.c = gradients[made % 2];
    const Lines lines = ahead.take(kLinesATile);
    for (int64_t line = 0; line < lines.count; ++line) hwy::Prefetch(lines.at(line));
    switch (count) {
      case 3: tile_beside_update<3>(o, due, update); break;
      case 4: tile_beside_update<std::min(4, kRows)>(o, due, update); break;
      case 5: tile_beside_update<std::min(5, kRows)>(o, due, update); break;
      default: tile_beside_update<kRows>(o, due, update); break;
    }
    due.gradient = o.c;
    due.first = row * shape.columns + column;
    due.vectors = count * kVectorTile;
    column += width;
    if (column < shape.columns) continue;
    column = 0;
    row += count;
    ++t;
  }
  due.ahead = 0;
  due.update_all(update);
  return update.check();
}

template <size_t kStates, class Rule>
GradientCheck update_elements(const Rule& rule, const UpdateArguments& args) {
  if (args.product != nullptr) {
    if (fits_tiles(*args.product)) return update_beside_product<kStates>(rule, args);
    args.product->make();
  }
  ElementUpdate<kStates, Rule> update(rule, args);
  update.all(args.count);
  return update.check();
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#endif
