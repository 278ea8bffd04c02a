// What a step holds while it computes: the right to compute first, then the network, so that whoever reads the weights
// waits for one step at most.
#pragma once

#include <mutex>

#include "training/network/network.h"
#include "training/threads/compute_lock.h"

namespace gradloom {

class StepLocks {
 public:
  explicit StepLocks(Network& network) : compute_(compute_lock()), weights_(network.lock()) {}

  void release() {
    weights_.unlock();
    compute_.unlock();
  }
  void take() {
    compute_.lock();
    weights_.lock();
  }

 private:
  std::unique_lock<FairSharedMutex> compute_;
  std::unique_lock<WeightsMutex> weights_;
};

}  // namespace gradloom
