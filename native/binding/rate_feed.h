// Learning rates on their way from JavaScript to the training thread.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <vector>

#include <napi.h>
#include "training/run/epoch_loop.h"

namespace gradloom {

// A Float64Array.
std::vector<double> to_rates(const Napi::Value& value);

// Learning rates that the event loop evaluates ahead, piece by piece: when the training thread begins the last piece it
// has, it asks for the next one.
class RateFeed final : public LearningRates {
 public:
  // `ask` is called on the training thread with the first step that is not there yet.
  explicit RateFeed(std::function<void(uint64_t)> ask) : ask_(std::move(ask)) {}

  // The rates of steps first, first + 1, ... On the JavaScript thread.
  void push(uint64_t first, std::vector<double> rates);
  // Throws Stopped when the run is.
  double at(uint64_t step) override;
  void stop();

 private:
  struct Piece {
    uint64_t first;
    std::vector<double> rates;
    uint64_t end() const { return first + rates.size(); }
  };

  const std::function<void(uint64_t)> ask_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Piece> pieces_;
  bool asked_ = false;
  bool stopped_ = false;
};

}  // namespace gradloom
