// A network in training: its optimizer with its state, its objective, and how far it has come. Everything that a
// checkpoint holds beside the weights.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/aligned_buffer.h"
#include "optimizers/optimizer.h"
#include "training/network.h"
#include "training/objective.h"

namespace gradloom {

// What to do when a loss or a gradient is NaN or infinite (execution contract 2).
enum class NonFinitePolicy {
  kStop,    // the run ends with an error
  kSkip,    // the step is left out: no state changes
  kIgnore,  // as if nothing were
};

class Learner {
 public:
  Learner(std::shared_ptr<Network> network, std::unique_ptr<Optimizer> optimizer,
          std::shared_ptr<const Objective> objective, uint64_t seed, NonFinitePolicy non_finite);

  Network& network() { return *network_; }
  const std::shared_ptr<Network>& shared_network() const { return network_; }
  const Optimizer& optimizer() const { return *optimizer_; }
  const std::shared_ptr<const Objective>& objective() const { return objective_; }
  uint64_t seed() const { return seed_; }
  NonFinitePolicy non_finite() const { return non_finite_; }

  // Laid out like the network's weights.
  float* state(size_t index) { return states_[index].data(); }

  // Optimizer steps and epochs over all runs.
  uint64_t steps = 0;
  uint64_t epochs = 0;
  // A factor of the learning rate, lowered where a run has come to a plateau.
  double rate_scale = 1;

  // Back to the state before the first step; the weights stay.
  void reset();

 private:
  void check_tables() const;

  std::shared_ptr<Network> network_;
  std::unique_ptr<Optimizer> optimizer_;
  std::shared_ptr<const Objective> objective_;
  uint64_t seed_;
  NonFinitePolicy non_finite_;
  std::vector<AlignedBuffer> states_;
};

}  // namespace gradloom
