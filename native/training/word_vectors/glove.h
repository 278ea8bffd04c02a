// GloVe (J. Pennington, R. Socher, C. Manning, 2014): vectors u, c and biases b, d of words and contexts such that
// u_i . c_j + b_i + d_j comes near ln X_ij, over the cells X_ij > 0 of a co-occurrence matrix,
//   cost = sum f(X) (u . c + b + d - ln X)^2 / 2,  f(X) = min(1, (X / x_max)^alpha)
// by AdaGrad cell by cell.
//
// Cells that share neither word nor context do not see each other. So words and contexts are dealt out to P groups
// each, by their number modulo P, which makes P x P blocks of cells; P blocks on one diagonal are trained at once,
// cells of a block one after another. P follows from the vocabulary, the order of cells from the seed, so any number of
// threads gives the bits of one.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "common/aligned_buffer.h"
#include "common/parallel.h"
#include "kernels/word_vectors/glove.h"

namespace gradloom {

struct GloveOptions {
  int64_t vocabulary;  // V
  int64_t units;       // D
  GloveRule rule = GloveRule::kPaper;
  float learning_rate = 0.05F;
  double x_max = 100;
  double alpha = 0.75;
  float initial_accumulator = 1;
  bool shuffled = true;  // or else: all cells in the order given, on one thread
  uint64_t seed = 0;
};

// Cell k: word words[k] was seen counts[k] > 0 times with context contexts[k], both below the vocabulary.
struct Cooccurrences {
  int64_t count;
  const uint32_t* words;
  const uint32_t* contexts;
  const float* counts;
};

class Glove {
 public:
  // Vectors and biases start uniform in [-1/2, 1/2) / D. Throws INVALID_ARGUMENT for a cell that is none.
  Glove(const GloveOptions& options, const Cooccurrences& cells);

  const GloveOptions& options() const { return options_; }
  int64_t cells() const { return static_cast<int64_t>(cells_.size()); }
  // Blocks that are trained at once.
  int64_t groups() const { return groups_; }
  // [2 V, D + 1]: of the words, then of the contexts, each a vector and a bias.
  AlignedBuffer& weights() { return weights_; }
  AlignedBuffer& accumulators() { return accumulators_; }

  // Passes over all cells once and returns the mean cost of a cell before its step. Returns early when `stop` is set,
  // with the mean over what was done. Throws NOT_FINITE.
  double train_epoch(Team& team, const std::atomic<bool>& stop);

 private:
  void shuffle(int64_t block);

  GloveOptions options_;
  int64_t groups_;
  std::vector<GloveCell> cells_;  // by block
  std::vector<int64_t> starts_;   // of the blocks [P * P + 1], block = group of the word * P + that of the context
  AlignedBuffer weights_;
  AlignedBuffer accumulators_;
  uint64_t epochs_ = 0;
};

}  // namespace gradloom
