#include "training/word_vectors/glove.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <new>
#include <string>
#include <utility>

#include "common/checked.h"
#include "common/error.h"
#include "common/random.h"
#include "training/threads/compute_lock.h"

namespace gradloom {
namespace {

// Cells that are trained before others get a turn to compute, or the run can stop.
constexpr int64_t kCellsPerTurn = 1 << 16;

int64_t choose_groups(const GloveOptions& options) {
  constexpr int64_t kMostGroups = 16;
  constexpr int64_t kWordsPerGroup = 64;
  return options.shuffled ? std::clamp<int64_t>(options.vocabulary / kWordsPerGroup, 1, kMostGroups) : 1;
}

GloveCell to_cell(const GloveOptions& options, const Cooccurrences& cells, int64_t k) {
  const float count = cells.counts[k];
  if (cells.words[k] >= options.vocabulary || cells.contexts[k] >= options.vocabulary || !std::isfinite(count) ||
      count <= 0) {
    throw Error("INVALID_ARGUMENT", "glove: cell " + std::to_string(k) + " (" + std::to_string(cells.words[k]) + ", " +
                                        std::to_string(cells.contexts[k]) + ", " + std::to_string(count) +
                                        ") must have words below " + std::to_string(options.vocabulary) +
                                        " and a finite count above 0");
  }
  const double weight = std::min(1.0, std::pow(double{count} / options.x_max, options.alpha));
  return {cells.words[k], cells.contexts[k], static_cast<float>(std::log(double{count})), static_cast<float>(weight)};
}

}  // namespace

Glove::Glove(const GloveOptions& options, const Cooccurrences& cells)
    : options_(options), groups_(choose_groups(options)) {
  const int64_t blocks = groups_ * groups_;
  const auto block_of = [&](const GloveCell& cell) {
    return static_cast<size_t>(cell.word % groups_ * groups_ + cell.context % groups_);
  };
  starts_.assign(static_cast<size_t>(blocks) + 1, 0);
  for (int64_t k = 0; k < cells.count; ++k) ++starts_[block_of(to_cell(options, cells, k)) + 1];
  for (size_t block = 0; block < static_cast<size_t>(blocks); ++block) starts_[block + 1] += starts_[block];
  try {
    cells_.resize(static_cast<size_t>(cells.count));
  } catch (const std::bad_alloc&) {
    throw Error("OUT_OF_MEMORY", "glove: there is no memory for " + std::to_string(cells.count) + " cells of " +
                                     std::to_string(sizeof(GloveCell)) + " bytes");
  }
  std::vector<int64_t> places(starts_.begin(), starts_.end() - 1);
  for (int64_t k = 0; k < cells.count; ++k) {
    const GloveCell cell = to_cell(options, cells, k);
    cells_[static_cast<size_t>(places[block_of(cell)]++)] = cell;
  }
  const int64_t values = checked_multiply(checked_multiply(2, options.vocabulary), options.units + 1);
  weights_ = AlignedBuffer(values);
  accumulators_ = AlignedBuffer(values);
  std::fill_n(accumulators_.data(), values, options.initial_accumulator);
  const RandomStream random(options.seed, RandomPurpose::kInitialWeights, 0, 0);
  for (int64_t i = 0; i < values; i += 4) {
    const PhiloxBlock block = random.block(static_cast<uint64_t>(i / 4));
    for (int64_t j = i; j < std::min(i + 4, values); ++j) {
      weights_.data()[j] = (uniform_unit(block[static_cast<size_t>(j - i)]) - 0.5F) / static_cast<float>(options.units);
    }
  }
}

// Fisher and Yates, anew in each epoch.
void Glove::shuffle(int64_t block) {
  const RandomStream random(options_.seed, RandomPurpose::kShuffle, static_cast<uint32_t>(block), epochs_);
  GloveCell* cells = cells_.data() + starts_[static_cast<size_t>(block)];
  const int64_t count = starts_[static_cast<size_t>(block) + 1] - starts_[static_cast<size_t>(block)];
  PhiloxBlock words{};
  for (int64_t i = count - 1, drawn = 0; i > 0; --i, ++drawn) {
    // 64 bits, so that no cell of a large block is preferred.
    if (drawn % 2 == 0) words = random.block(static_cast<uint64_t>(drawn / 2));
    const size_t at = drawn % 2 == 0 ? 0 : 2;
    const uint64_t word = uint64_t{words[at]} << 32 | words[at + 1];
    std::swap(cells[i], cells[word % static_cast<uint64_t>(i + 1)]);
  }
}

double Glove::train_epoch(Team& team, const std::atomic<bool>& stop) {
  const int64_t row = options_.units + 1;
  const int64_t contexts = options_.vocabulary * row;
  const GloveTables tables{weights_.data(), weights_.data() + contexts, accumulators_.data(),
                           accumulators_.data() + contexts, options_.units};
  if (options_.shuffled) {
    const std::unique_lock lock(compute_lock());
    team.for_each(groups_ * groups_, [&](int64_t block, int) { shuffle(block); });
  }
  std::vector<double> costs(static_cast<size_t>(groups_));
  double cost = 0;
  int64_t done = 0;
  for (int64_t turn = 0; turn < groups_; ++turn) {
    // Another diagonal is the first one in each epoch.
    const int64_t diagonal = (turn + static_cast<int64_t>(epochs_)) % groups_;
    const auto block_at = [&](int64_t group) {
      return static_cast<size_t>(group * groups_ + (group + diagonal) % groups_);
    };
    int64_t longest = 0;
    for (int64_t group = 0; group < groups_; ++group) {
      longest = std::max(longest, starts_[block_at(group) + 1] - starts_[block_at(group)]);
    }
    for (int64_t first = 0; first < longest; first += kCellsPerTurn) {
      if (stop.load(std::memory_order_relaxed)) return done == 0 ? 0 : cost / static_cast<double>(done);
      const std::unique_lock lock(compute_lock());
      std::fill(costs.begin(), costs.end(), 0.0);
      const auto part = [&](int64_t group) {
        const int64_t size = starts_[block_at(group) + 1] - starts_[block_at(group)];
        return std::clamp<int64_t>(size - first, 0, kCellsPerTurn);
      };
      team.for_each(groups_, [&](int64_t group, int) {
        costs[static_cast<size_t>(group)] =
            train_glove_cells(options_.rule, options_.learning_rate, tables,
                              cells_.data() + starts_[block_at(group)] + first, part(group));
      });
      for (int64_t group = 0; group < groups_; ++group) {
        cost += costs[static_cast<size_t>(group)];
        done += part(group);
      }
    }
  }
  ++epochs_;
  if (!std::isfinite(cost)) {
    throw Error("NOT_FINITE", "glove: the cost of epoch " + std::to_string(epochs_) +
                                  " is not finite; choose a smaller learningRate");
  }
  return done == 0 ? 0 : cost / static_cast<double>(done);
}

}  // namespace gradloom
