#include "binding/operations.h"

#include <algorithm>

namespace gradloom {

Operations::Operations(Napi::Env env) {
  // Joins within one step. Registered before any operation's channel, so it runs after those are closed and before the
  // environment's memory goes.
  env.AddCleanupHook([](Operations* self) { self->clear(); }, this);
}

std::weak_ptr<Job> Operations::start(std::unique_ptr<Operation> operation) {
  Operation* op = operation.get();
  running_.push_back(std::move(operation));
  try {
    op->finish_ = std::make_unique<EventChannel::Call>([this, op](Napi::Env env) { finish(env, op); });
    op->job_ = Job::start(
        [op](const std::atomic<bool>& stop) {
          op->work(stop);
          op->channel_.send(std::move(op->finish_));
          op->channel_.close();
        },
        [op] { op->wake(); });
  } catch (...) {
    op->channel_.close();
    running_.pop_back();
    throw;
  }
  return op->job_;
}

void Operations::finish(Napi::Env env, Operation* operation) {
  const auto found =
      std::find_if(running_.begin(), running_.end(), [&](const auto& op) { return op.get() == operation; });
  const std::unique_ptr<Operation> owned = std::move(*found);
  running_.erase(found);
  owned->job_->join();
  const Napi::HandleScope scope(env);
  owned->settle(env);
}

void Operations::clear() {
  for (const auto& operation : running_) operation->job_->stop();
  // Before anything that their threads use goes with them.
  for (const auto& operation : running_) operation->job_->join();
  running_.clear();
}

}  // namespace gradloom
