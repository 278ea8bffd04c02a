// A network in training: its optimizer with its state, its objective, and how far it has come. Everything that a
// checkpoint holds beside the weights.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/aligned_buffer.h"
#include "optimizers/optimizer.h"
#include "training/network/network.h"
#include "training/run/objective.h"
#include "training/step/gradient_clip.h"
#include "training/threads/thread_search.h"

namespace gradloom {

// What to do when a loss or a gradient is NaN or infinite (execution contract 2).
enum class NonFinitePolicy {
  kStop,    // the run ends with an error
  kSkip,    // the step is left out: no state changes
  kIgnore,  // as if nothing were
};

// By which optimizer one parameter is trained, and how.
struct ParameterSettings {
  double rate_multiplier;
  float weight_decay;
  size_t optimizer = 0;  // the learner's, or one of LearnerSettings::others, from 1
};

struct LearnerSettings {
  uint64_t seed = 0;
  NonFinitePolicy non_finite = NonFinitePolicy::kStop;
  GradientClip clip = {};
  // One a parameter of the network, or none: all as the optimizer has it.
  std::vector<ParameterSettings> parameters = {};
  // Optimizers of some parameters. They keep their own learning rate, whatever that of the others becomes.
  std::vector<std::shared_ptr<const Optimizer>> others = {};
  // Bytes that the tensors of network and training may take; 0: any number.
  int64_t memory_limit = 0;
  // Whether a file's state is about to replace the initial one, which is zeros until then: nothing has to be written.
  bool awaits_state = false;
};

class LazyRowUpdates;

class Learner {
 public:
  Learner(std::shared_ptr<Network> network, std::unique_ptr<Optimizer> optimizer,
          std::shared_ptr<const Objective> objective, LearnerSettings settings);
  ~Learner();

  Network& network() { return *network_; }
  const Network& network() const { return *network_; }
  const std::shared_ptr<Network>& shared_network() const { return network_; }
  const Optimizer& optimizer(int parameter) const { return *optimizers_[settings(parameter).optimizer]; }
  // What optimizers do with rows of tables that a batch names several times.
  Duplicates duplicates() const { return duplicates_; }
  const std::shared_ptr<const Objective>& objective() const { return objective_; }
  uint64_t seed() const { return settings_.seed; }
  NonFinitePolicy non_finite() const { return settings_.non_finite; }
  const GradientClip& clip() const { return settings_.clip; }
  // Whether a step has to know all gradients before its first update.
  bool needs_all_gradients() const;
  const ParameterSettings& settings(int parameter) const { return settings_.parameters[index(parameter)]; }

  // What the optimizer keeps of a parameter; nothing of those that it does not train.
  const std::vector<StateSpec>& states(int parameter) const { return state_specs_[index(parameter)]; }
  // Laid out like the parameter's weights where the optimizer works by element, as in files otherwise.
  float* state(int parameter, size_t state) { return states_[index(parameter)][state].data(); }
  int64_t state_bytes() const { return state_bytes_; }
  // Whether weights and states that every step updates have left the caches when the next one comes to them.
  bool outgrows_caches() const;
  bool has_memory_limit() const { return settings_.memory_limit > 0; }
  // Whether so many bytes may come to those of weights and state.
  bool has_memory_for(int64_t bytes) const;
  // Throws MEMORY_LIMIT with the bytes if they may not.
  void check_memory_for(int64_t bytes) const;
  LazyRowUpdates& lazy_row_updates() { return *lazy_row_updates_; }
  // Throws INVALID_OPTION when a table is trained whose rows move by the learning rate without being touched.
  void check_schedule() const;
  // Throws INVALID_OPTION when a table is trained, for what would keep all of its gradient.
  void check_no_tables(const std::string& what, const std::string& remedy) const;
  // The rate of this step for a parameter; where it is not the optimizer's of another, that of `learning_rate`.
  double rate_of(int parameter) const { return rate_of(parameter, learning_rate); }
  double rate_of(int parameter, double rate) const {
    const ParameterSettings& own = settings(parameter);
    return (own.optimizer == 0 ? rate * rate_scale : optimizers_[own.optimizer]->learning_rate()) * own.rate_multiplier;
  }

  // Optimizer steps and epochs over all runs.
  uint64_t steps = 0;
  uint64_t epochs = 0;
  // A factor of that learning rate, lowered where a run has come to a plateau.
  double rate_scale = 1;
  // Of this step, before what single parameters make of it; not of those that have another optimizer.
  double learning_rate;

  // How many threads take part in its steps, which a run goes on with where the last one ended.
  ThreadSearch thread_search;

  // Between two steps.
  void scale_rate(double scale);

  // Back to the state before the first step; the weights stay, as they are behind the last one.
  void reset();

 private:
  template <class Which>
  void fill_states(const Which& which);
  void check_tables();
  void check_rounding(const Optimizer& rule, const std::string& table) const;
  Duplicates duplicates_of_tables() const;
  std::vector<StateSpec> states_of(int parameter) const;
  static size_t index(int parameter) { return static_cast<size_t>(parameter); }

  std::shared_ptr<Network> network_;
  std::vector<std::shared_ptr<const Optimizer>> optimizers_;
  std::shared_ptr<const Objective> objective_;
  LearnerSettings settings_;
  std::vector<std::vector<StateSpec>> state_specs_;  // by parameter
  Duplicates duplicates_ = Duplicates::kSum;
  int64_t state_bytes_ = 0;
  int64_t dense_bytes_ = 0;                           // of weights and states of all parameters but tables
  std::vector<std::vector<AlignedBuffer>> states_;    // by parameter, then by state
  std::unique_ptr<LazyRowUpdates> lazy_row_updates_;  // the first to go
};

}  // namespace gradloom
