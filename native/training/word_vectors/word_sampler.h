// Pairs for word vectors from texts of numbered words. Each pass over the texts draws anew which occurrences of
// frequent words stay, how far each window reaches (uniform from 1 to `window`, which prefers near words), and the
// negatives; all of it addressed by (seed, pass, position), so that it depends on nothing else.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "common/parallel.h"
#include "common/random.h"
#include "training/word_vectors/negative_sampling.h"

namespace gradloom {

// Draws from a discrete distribution in constant time (A. Walker, 1977; M. Vose, 1991).
class AliasTable {
 public:
  // Weights are at least 0 and not all 0.
  explicit AliasTable(const std::vector<double>& weights);
  uint32_t draw(uint32_t first, uint32_t second) const {
    const auto column = static_cast<size_t>(uint64_t{first} * threshold_.size() >> 32);
    return second < threshold_[column] ? static_cast<uint32_t>(column) : alias_[column];
  }

 private:
  std::vector<uint64_t> threshold_;  // of 2^32
  std::vector<uint32_t> alias_;
};

enum class WordModel {
  kSkipGram,  // a word against each word around it
  kCbow,      // the words around against the word
};

// Rows of the input table that make up each word, at least one: [offsets[w], offsets[w + 1]) of `rows`.
struct WordPieces {
  std::vector<uint32_t> offsets;
  std::vector<uint32_t> rows;
};

struct WordCorpus {
  std::vector<int32_t> tokens;  // words, -1 between two texts; no window reaches across
  std::vector<float> keep;      // [V], the probability of an occurrence to stay
  std::vector<double> noise;    // [V], weights of the negatives
  WordPieces pieces;            // both empty: word w is row w
  WordModel model = WordModel::kSkipGram;
  int64_t window = 5;
  uint64_t seed = 0;
};

class WordSampler {
 public:
  // Throws INVALID_ARGUMENT for what does not fit together.
  explicit WordSampler(WordCorpus corpus);

  int64_t vocabulary() const { return static_cast<int64_t>(corpus_.noise.size()); }
  int64_t input_rows() const { return input_rows_; }

  void start(uint64_t epoch);
  // Fills a batch of up to `most` pairs and returns how many it has; 0 at the end of the texts.
  int64_t fill(Team& team, NegativeSampling& model, int64_t most);

 private:
  static constexpr int64_t kMostWords = 10'000;  // of a text that are looked at together

  bool read_text();
  void begin_centre();
  int64_t add_bag(SparseBatch& batch, int64_t pair, int64_t entry, int64_t first, int64_t last, int64_t left_out) const;
  int64_t add_word(SparseBatch& batch, int64_t entry, uint32_t word) const;
  void draw_negatives(Team& team, uint32_t* targets, int64_t pairs, int64_t negatives) const;

  WordCorpus corpus_;
  AliasTable noise_;
  int64_t input_rows_;
  int64_t most_pieces_ = 1;
  uint64_t epoch_ = 0;
  int64_t position_ = 0;           // of the next token to read
  std::vector<uint32_t> text_;     // the words of the text at hand that stay
  std::vector<int64_t> places_;    // their positions
  int64_t centre_ = 0;             // in the text
  int64_t first_ = 0, last_ = -1;  // the centre's window
  int64_t context_ = 0;            // the next word of it, for skip-gram
  uint64_t pairs_ = 0;             // of this epoch
};

struct WordEpoch {
  double loss = 0;  // the mean over pairs, each before its step
  int64_t pairs = 0;
};

// A pass over the texts in batches of `batch` pairs. Returns early when `stop` is set.
WordEpoch train_words(Team& team, NegativeSampling& model, WordSampler& sampler, int64_t batch,
                      const std::atomic<bool>& stop);

}  // namespace gradloom
