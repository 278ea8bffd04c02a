// The state of a run between two steps, copied: what a checkpoint holds. With the data and options of the run it is all
// that a later one needs to go on with the same bits.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/aligned_buffer.h"
#include "common/parallel.h"
#include "common/shape.h"
#include "training/run/learner.h"
#include "training/run/objective.h"

namespace gradloom {

// How far a run has come within an epoch. Once all batches are done the epoch counts for the learner; what is left is
// to judge it.
struct EpochPosition {
  int64_t batches = 0;
  int64_t skipped = 0;
  double seconds = 0;  // of training
  ObjectiveTotals totals;
};

struct RunPosition {
  int64_t epochs = 0;  // of the run, judged
  uint64_t steps = 0;  // of the run
  double seconds = 0;  // of the run, pauses left out
  EpochPosition epoch;
};

// In the layout of files. Shared, so that JavaScript may hold the values as they are.
struct SavedTensor {
  std::string name;
  Shape shape;
  std::shared_ptr<AlignedBuffer> values;
};

struct Snapshot {
  std::vector<SavedTensor> weights;
  std::vector<SavedTensor> states;  // of the optimizer
  std::vector<SavedTensor> kept;    // weights of an earlier epoch, if some were kept
  // Of the learner.
  uint64_t steps = 0;
  uint64_t epochs = 0;
  double rate_scale = 1;
  uint64_t epoch = 0;  // that it was taken in, or behind, from 1
  RunPosition position;
  bool last = false;  // of its run
};

std::string state_name(const Architecture::Parameter& parameter, const StateSpec& state);

// Copies that are made one after another, or by a team, once all that is wanted was added.
class TensorCopies {
 public:
  explicit TensorCopies(const Architecture& architecture) : architecture_(architecture) {}

  // All parameters, from storage that is laid out like the network's weights.
  std::vector<SavedTensor> add_weights(const float* storage);
  // The states that the optimizer keeps, `<parameter>.<state>`.
  std::vector<SavedTensor> add_states(Learner& learner);

  void make();
  void make(Team& team);

 private:
  enum class Source { kWeights, kStateLikeWeights, kState };
  struct Copy {
    Source source;
    int parameter;
    const float* stored;  // of kWeights, those of all parameters
    std::shared_ptr<AlignedBuffer> values;
  };

  SavedTensor add(Copy copy, std::string name, const Shape& shape);
  void make(const Copy& copy) const;

  const Architecture& architecture_;
  std::vector<Copy> copies_;
};

}  // namespace gradloom
