// What a reader of weights holds: the network, together with other readers, its lazy tables settled.
#pragma once

#include <mutex>
#include <shared_mutex>

#include "training/network/network.h"

namespace gradloom {

class ReadingLock {
 public:
  explicit ReadingLock(Network& network) : shared_(network.lock()) {
    if (!network.stale()) return;
    shared_.unlock();
    alone_ = std::unique_lock(network.lock());
    network.settle();
  }

 private:
  std::shared_lock<WeightsMutex> shared_;
  std::unique_lock<WeightsMutex> alone_;
};

}  // namespace gradloom
