#include "training/word_vectors/word_sampler.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <numeric>
#include <string>
#include <utility>

#include "common/error.h"
#include "kernels/tiling.h"
#include "training/threads/compute_lock.h"

namespace gradloom {
namespace {

// Streams of RandomPurpose::kWords.
constexpr uint32_t kPositions = 0;
constexpr uint32_t kNegatives = 1;

[[noreturn]] void refuse(const std::string& what) { throw Error("INVALID_ARGUMENT", "word vectors: " + what); }

}  // namespace

AliasTable::AliasTable(const std::vector<double>& weights) : threshold_(weights.size()), alias_(weights.size()) {
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  if (weights.empty() || weights.size() > UINT32_MAX || !std::isfinite(total) || total <= 0 ||
      std::any_of(weights.begin(), weights.end(), [](double w) { return w < 0; })) {
    refuse("weights of negatives must be finite, at least 0 and not all 0");
  }
  const auto count = static_cast<double>(weights.size());
  std::vector<double> share(weights.size());
  std::vector<uint32_t> small;
  std::vector<uint32_t> large;
  for (uint32_t w = 0; w < weights.size(); ++w) {
    share[w] = weights[w] / total * count;
    (share[w] < 1 ? small : large).push_back(w);
  }
  // A column that is not full is filled up by a word that has more than its own.
  while (!small.empty() && !large.empty()) {
    const uint32_t poor = small.back();
    const uint32_t rich = large.back();
    small.pop_back();
    threshold_[poor] = static_cast<uint64_t>(std::ldexp(share[poor], 32));
    alias_[poor] = rich;
    share[rich] -= 1 - share[poor];
    if (share[rich] < 1) {
      large.pop_back();
      small.push_back(rich);
    }
  }
  // Of rounding.
  for (const auto& rest : {small, large}) {
    for (const uint32_t w : rest) {
      threshold_[w] = uint64_t{1} << 32;
      alias_[w] = w;
    }
  }
}

WordSampler::WordSampler(WordCorpus corpus)
    : corpus_(std::move(corpus)), noise_(corpus_.noise), input_rows_(vocabulary()) {
  const auto words = static_cast<size_t>(vocabulary());
  if (corpus_.keep.size() != words) refuse("there must be as many probabilities to stay as weights of negatives");
  if (corpus_.window < 1) refuse("window must be at least 1");
  for (const int32_t token : corpus_.tokens) {
    if (token < -1 || token >= vocabulary()) refuse("token " + std::to_string(token) + " is no word");
  }
  const WordPieces& pieces = corpus_.pieces;
  if (pieces.offsets.empty()) return;
  if (pieces.offsets.size() != words + 1 || pieces.offsets.front() != 0 ||
      pieces.offsets.back() != pieces.rows.size()) {
    refuse("offsets of pieces must run from 0 to their number, one a word");
  }
  for (size_t w = 0; w < words; ++w) {
    if (pieces.offsets[w + 1] <= pieces.offsets[w]) refuse("word " + std::to_string(w) + " has no pieces");
    most_pieces_ = std::max<int64_t>(most_pieces_, pieces.offsets[w + 1] - pieces.offsets[w]);
  }
  input_rows_ = int64_t{*std::max_element(pieces.rows.begin(), pieces.rows.end())} + 1;
}

void WordSampler::start(uint64_t epoch) {
  epoch_ = epoch;
  position_ = 0;
  text_.clear();
  places_.clear();
  centre_ = 0;
  last_ = -1;
  context_ = 0;
  pairs_ = 0;
}

// The next words that stay become the text at hand; false at the end.
bool WordSampler::read_text() {
  const RandomStream random(corpus_.seed, RandomPurpose::kWords, kPositions, epoch_);
  const auto count = static_cast<int64_t>(corpus_.tokens.size());
  text_.clear();
  places_.clear();
  centre_ = 0;
  while (position_ < count && static_cast<int64_t>(text_.size()) < kMostWords) {
    const int32_t token = corpus_.tokens[static_cast<size_t>(position_++)];
    if (token < 0) {
      if (text_.empty()) continue;
      break;
    }
    const float keep = corpus_.keep[static_cast<size_t>(token)];
    if (keep < 1 && uniform_unit(random.block(static_cast<uint64_t>(position_ - 1))[0]) >= keep) continue;
    text_.push_back(static_cast<uint32_t>(token));
    places_.push_back(position_ - 1);
  }
  return !text_.empty();
}

void WordSampler::begin_centre() {
  const RandomStream random(corpus_.seed, RandomPurpose::kWords, kPositions, epoch_);
  const uint32_t word = random.block(static_cast<uint64_t>(places_[static_cast<size_t>(centre_)]))[1];
  const int64_t reach = 1 + static_cast<int64_t>(uint64_t{word} * static_cast<uint64_t>(corpus_.window) >> 32);
  first_ = std::max<int64_t>(0, centre_ - reach);
  last_ = std::min(static_cast<int64_t>(text_.size()) - 1, centre_ + reach);
  context_ = first_;
}

int64_t WordSampler::add_word(SparseBatch& batch, int64_t entry, uint32_t word) const {
  const WordPieces& pieces = corpus_.pieces;
  if (pieces.offsets.empty()) {
    batch.indices()[entry] = word;
    return entry + 1;
  }
  for (uint32_t i = pieces.offsets[word]; i < pieces.offsets[word + 1]; ++i) batch.indices()[entry++] = pieces.rows[i];
  return entry;
}

// The mean of the words [first, last] of the text but one; returns the end of its entries.
int64_t WordSampler::add_bag(SparseBatch& batch, int64_t pair, int64_t entry, int64_t first, int64_t last,
                             int64_t left_out) const {
  int64_t end = entry;
  for (int64_t i = first; i <= last; ++i) {
    if (i != left_out) end = add_word(batch, end, text_[static_cast<size_t>(i)]);
  }
  std::fill(batch.samples() + entry, batch.samples() + end, static_cast<uint32_t>(pair));
  std::fill(batch.values() + entry, batch.values() + end, 1.0F / static_cast<float>(end - entry));
  batch.offsets()[pair + 1] = end;
  return end;
}

int64_t WordSampler::fill(Team& team, NegativeSampling& model, int64_t most) {
  const bool cbow = corpus_.model == WordModel::kCbow;
  const int64_t negatives = model.shape().negatives;
  SparseBatch& bags = model.bags();
  bags.reserve(most, most * most_pieces_ * (cbow ? 2 * corpus_.window : 1));
  uint32_t* targets = model.targets(most);
  bags.offsets()[0] = 0;
  int64_t pair = 0;
  int64_t entry = 0;
  while (pair < most) {
    if (centre_ >= static_cast<int64_t>(text_.size())) {
      if (!read_text()) break;
      last_ = -1;
    }
    if (last_ < 0) begin_centre();
    if (context_ == centre_) ++context_;
    const bool alone = first_ == last_;
    if (alone || context_ > last_) {
      ++centre_;
      last_ = -1;
      continue;
    }
    if (cbow) {
      entry = add_bag(bags, pair, entry, first_, last_, centre_);
      targets[pair * (negatives + 1)] = text_[static_cast<size_t>(centre_)];
      context_ = last_ + 1;
    } else {
      entry = add_bag(bags, pair, entry, centre_, centre_, -1);
      targets[pair * (negatives + 1)] = text_[static_cast<size_t>(context_++)];
    }
    ++pair;
  }
  bags.filled(pair, cbow || !corpus_.pieces.offsets.empty());
  draw_negatives(team, targets, pair, negatives);
  pairs_ += static_cast<uint64_t>(pair);
  return pair;
}

// One that is the pair's own word is drawn once more, and then stays.
void WordSampler::draw_negatives(Team& team, uint32_t* targets, int64_t pairs, int64_t negatives) const {
  const RandomStream random(corpus_.seed, RandomPurpose::kWords, kNegatives, epoch_);
  const Tiling tiles = tile_rows(pairs, 64 * negatives);
  team.for_each(tiles.count, [&](int64_t tile, int) {
    for (int64_t p = tiles.first(tile); p < tiles.first(tile) + tiles.size(tile); ++p) {
      uint32_t* own = targets + p * (negatives + 1);
      const uint64_t first = (pairs_ + static_cast<uint64_t>(p)) * static_cast<uint64_t>(negatives);
      for (int64_t k = 0; k < negatives; ++k) {
        const PhiloxBlock words = random.block(first + static_cast<uint64_t>(k));
        const uint32_t drawn = noise_.draw(words[0], words[1]);
        own[k + 1] = drawn == own[0] ? noise_.draw(words[2], words[3]) : drawn;
      }
    }
  });
}

WordEpoch train_words(Team& team, NegativeSampling& model, WordSampler& sampler, int64_t batch,
                      const std::atomic<bool>& stop) {
  WordEpoch epoch;
  while (!stop.load(std::memory_order_relaxed)) {
    const std::unique_lock lock(compute_lock());
    const int64_t pairs = sampler.fill(team, model, batch);
    if (pairs == 0) break;
    epoch.loss += model.step(team, pairs);
    epoch.pairs += pairs;
  }
  if (epoch.pairs > 0) epoch.loss /= static_cast<double>(epoch.pairs);
  return epoch;
}

}  // namespace gradloom
