#include "training/learner.h"

#include <algorithm>

namespace gradloom {

Learner::Learner(std::shared_ptr<Network> network, std::unique_ptr<Optimizer> optimizer,
                 std::shared_ptr<const Objective> objective, uint64_t seed, NonFinitePolicy non_finite)
    : network_(std::move(network)),
      optimizer_(std::move(optimizer)),
      objective_(std::move(objective)),
      seed_(seed),
      non_finite_(non_finite) {
  for (size_t i = 0; i < optimizer_->states().size(); ++i) {
    states_.emplace_back(network_->architecture().weights_size());
  }
  reset();
}

void Learner::reset() {
  steps = 0;
  epochs = 0;
  rate_scale = 1;
  for (size_t i = 0; i < states_.size(); ++i) {
    std::fill_n(states_[i].data(), states_[i].size(), optimizer_->states()[i].initial);
  }
}

}  // namespace gradloom
