#include "training/word_vectors/negative_sampling.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <string>

#include "common/checked.h"
#include "common/error.h"
#include "common/prefetch.h"
#include "common/random.h"
#include "kernels/embedding/embedding.h"
#include "kernels/tiling.h"
#include "kernels/word_vectors/negative_sampling.h"

namespace gradloom {
namespace {

constexpr int64_t kFloatsPerLine = kCacheLine / static_cast<int64_t>(sizeof(float));
// Gradients of so many floats are summed and their rows updated at once: they stay in L1.
constexpr int64_t kUpdateChunk = 2048;

Tiling tile_pairs(int64_t pairs, const NegativeSamplingShape& shape) {
  return tile_rows(pairs, (shape.negatives + 1) * shape.units);
}

void grow(AlignedBuffer& buffer, int64_t count) {
  if (buffer.size() < count) buffer = AlignedBuffer(count);
}

}  // namespace

TrainedTable::TrainedTable(int64_t rows, int64_t units, const Optimizer& optimizer)
    : rows_(rows), units_(units), stride_(units) {
  const std::string objection = optimizer.objection_to_rows(optimizer.weight_decay());
  if (!objection.empty()) {
    throw Error("INVALID_OPTION", optimizer.kind() + " cannot train word vectors: " + objection);
  }
  const std::vector<StateSpec> specs = optimizer.states({rows, units});
  for (const StateSpec& spec : specs) {
    states_.push_back(stride_);
    stride_ += spec.shape.size() / rows;
  }
  stride_ = round_up(stride_, kFloatsPerLine);
  memory_ = AlignedBuffer(checked_multiply(rows, stride_));
  for (size_t s = 0; s < specs.size(); ++s) {
    if (specs[s].initial == 0) continue;
    for (int64_t r = 0; r < rows; ++r) std::fill_n(row(r) + states_[s], specs[s].shape.size() / rows, specs[s].initial);
  }
}

void TrainedTable::copy_weights(float* to) const {
  for (int64_t r = 0; r < rows_; ++r) std::copy_n(memory_.data() + r * stride_, units_, to + r * units_);
}

void TrainedTable::set_weights(const float* from) {
  for (int64_t r = 0; r < rows_; ++r) std::copy_n(from + r * units_, units_, row(r));
}

bool TrainedTable::update(Team& team, const Optimizer& optimizer, const EntryTerms& terms, const float* gradients,
                          uint64_t step) {
  batch_.group(team, rows_);
  const RowGroups& groups = batch_.input().groups;
  const int64_t chunk = std::max<int64_t>(1, kUpdateChunk / units_);
  const int64_t scratch = round_up(chunk * units_, kFloatsPerLine);
  grow(scratch_, scratch * team.size());
  std::array<float*, kMostStates> states{};
  for (size_t i = 0; i < states_.size(); ++i) states[i] = memory_.data() + states_[i];
  std::atomic<bool> finite{true};
  const auto group_from = [&](int64_t at) {
    return std::lower_bound(groups.starts, groups.starts + groups.count, at) - groups.starts;
  };
  const bool from_memory = exceeds_l3(memory_.size() * static_cast<int64_t>(sizeof(float)));
  const Tiling tiles = tile_rows(batch_.input().rows.entries(), units_);
  team.for_each(tiles.count, [&](int64_t tile, int thread) {
    float* sums = scratch_.data() + thread * scratch;
    const int64_t end = group_from(tiles.first(tile) + tiles.size(tile));
    for (int64_t first = group_from(tiles.first(tile)); first < end; first += chunk) {
      const int64_t count = std::min(chunk, end - first);
      sum_group_gradients({groups, first, count}, terms, gradients, units_, sums);
      const GradientCheck check = optimizer.update_rows({.count = count,
                                                         .width = units_,
                                                         .rows = groups.rows + first,
                                                         .coming = groups.count - first - count,
                                                         .table = memory_.data(),
                                                         .gradient = sums,
                                                         .states = states.data(),
                                                         .stride = stride_,
                                                         .state_count = states_.size(),
                                                         .step = step,
                                                         .learning_rate = optimizer.learning_rate(),
                                                         .weight_decay = optimizer.weight_decay(),
                                                         .from_memory = from_memory});
      if (check == GradientCheck::kNotFinite) finite.store(false, std::memory_order_relaxed);
    }
  });
  return finite.load(std::memory_order_relaxed);
}

NegativeSampling::NegativeSampling(const NegativeSamplingShape& shape, std::unique_ptr<const Optimizer> optimizer,
                                   uint64_t seed)
    : shape_(shape),
      optimizer_(std::move(optimizer)),
      input_(shape.input_rows, shape.units, *optimizer_),
      output_(shape.output_rows, shape.units, *optimizer_) {
  const RandomStream random(seed, RandomPurpose::kInitialWeights, 0, 0);
  const int64_t weights = shape.input_rows * shape.units;
  for (int64_t i = 0; i < weights; i += 4) {
    const PhiloxBlock block = random.block(static_cast<uint64_t>(i / 4));
    for (int64_t j = i; j < std::min(i + 4, weights); ++j) {
      input_.row(j / shape.units)[j % shape.units] =
          (uniform_unit(block[static_cast<size_t>(j - i)]) - 0.5F) / static_cast<float>(shape.units);
    }
  }
}

uint32_t* NegativeSampling::targets(int64_t pairs) {
  const int64_t entries = checked_multiply(pairs, shape_.negatives + 1);
  output_.batch().reserve(pairs, entries);
  return output_.batch().indices();
}

double NegativeSampling::step(Team& team, int64_t pairs) {
  // The last batch of an epoch is smaller and does not count.
  const int64_t batch = std::max(pairs, thread_search_.batch());
  thread_search_.go_on_for(team.size(), batch);
  const SearchedStep searched(thread_search_, team, pairs == batch);
  const int64_t each = shape_.negatives + 1;
  grow(hidden_, pairs * shape_.units);
  grow(gradients_, pairs * shape_.units);
  grow(factors_, pairs * each);
  SparseBatch& named = output_.batch();
  for (int64_t p = 0; p <= pairs; ++p) named.offsets()[p] = p * each;
  for (int64_t p = 0; p < pairs; ++p) std::fill_n(named.samples() + p * each, each, static_cast<uint32_t>(p));
  named.filled(pairs, false);

  const SparseRows& bags = input_.batch().input().rows;
  const NegativeSamplingTerms terms{.pairs = pairs,
                                    .negatives = shape_.negatives,
                                    .units = shape_.units,
                                    .hidden = hidden_.data(),
                                    .table = output_.row(0),
                                    .stride = output_.stride(),
                                    .targets = named.indices(),
                                    .factors = factors_.data(),
                                    .gradients = gradients_.data()};
  const Tiling tiles = tile_pairs(pairs, shape_);
  losses_.assign(static_cast<size_t>(tiles.count), 0);
  team.for_each(tiles.count, [&](int64_t tile, int) {
    const int64_t first = tiles.first(tile);
    const int64_t count = tiles.size(tile);
    pool_rows({Pooling::kSum}, bags, input_.row(0), {shape_.units, input_.stride()}, first, count, hidden_.data(),
              nullptr);
    losses_[static_cast<size_t>(tile)] = compare_with_targets(terms, first, count);
  });
  double loss = 0;
  for (const double part : losses_) loss += part;

  // Hidden vectors are copies, so the order of the tables does not matter.
  ++steps_;
  bool finite = output_.update(team, *optimizer_, {named.samples(), factors_.data()}, hidden_.data(), steps_);
  finite &= input_.update(team, *optimizer_, {input_.batch().samples(), bags.values}, gradients_.data(), steps_);
  if (!finite || !std::isfinite(loss)) {
    throw Error("NOT_FINITE",
                "word vectors are not finite after step " + std::to_string(steps_) + "; choose a smaller learningRate");
  }
  return loss;
}

}  // namespace gradloom
