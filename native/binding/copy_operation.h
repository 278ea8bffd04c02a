// Copies of a model's weights, and of a trainer's state, as they are when they are asked for: for files.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "binding/promise_operation.h"
#include "training/run/learner.h"
#include "training/run/snapshot.h"
#include "training/threads/reading_lock.h"

namespace gradloom {

class CopyOperation final : public PromiseOperation {
 public:
  // Without a learner: the weights alone.
  CopyOperation(Napi::Env env, std::shared_ptr<Network> network, std::shared_ptr<Learner> learner);

 protected:
  void compute(const std::atomic<bool>& stop) override;
  // `{ weights, state }`; state as NativeTrainerState of lib/native.
  Napi::Value result(Napi::Env env) override;

 private:
  std::shared_ptr<Network> network_;
  std::shared_ptr<Learner> learner_;
  std::optional<ReadingLock> lock_;  // from the call until all is copied, so that nothing of later is in it
  TensorCopies copies_;
  Snapshot snapshot_;
};

}  // namespace gradloom
