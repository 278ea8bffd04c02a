#include "binding/rate_feed.h"

#include <utility>

#include "common/error.h"

namespace gradloom {

std::vector<double> to_rates(const Napi::Value& value) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_float64_array) {
    throw Error("INVALID_ARGUMENT", "learning rates must be a Float64Array");
  }
  const auto rates = value.As<Napi::Float64Array>();
  return {rates.Data(), rates.Data() + rates.ElementLength()};
}

void RateFeed::push(uint64_t first, std::vector<double> rates) {
  {
    const std::lock_guard guard(mutex_);
    if (rates.empty() || (!pieces_.empty() && pieces_.back().end() != first)) {
      throw Error("INVALID_ARGUMENT", "rates must follow on those that are there");
    }
    pieces_.push_back({first, std::move(rates)});
    asked_ = false;
  }
  changed_.notify_all();
}

double RateFeed::at(uint64_t step) {
  std::unique_lock guard(mutex_);
  if (step >= pieces_.back().first && !asked_) {
    asked_ = true;
    const uint64_t end = pieces_.back().end();
    guard.unlock();
    ask_(end);
    guard.lock();
  }
  changed_.wait(guard, [&] { return stopped_ || step < pieces_.back().end(); });
  if (stopped_) throw Stopped();
  while (step >= pieces_.front().end()) pieces_.pop_front();
  return pieces_.front().rates[static_cast<size_t>(step - pieces_.front().first)];
}

void RateFeed::stop() {
  {
    const std::lock_guard guard(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
}

}  // namespace gradloom
