#include "binding/copy_operation.h"

#include <utility>

#include "binding/run_state.h"

namespace gradloom {

CopyOperation::CopyOperation(Napi::Env env, std::shared_ptr<Network> network, std::shared_ptr<Learner> learner)
    : PromiseOperation(env, "gradloom.copy"),
      network_(std::move(network)),
      learner_(std::move(learner)),
      lock_(std::in_place, *network_),
      copies_(network_->architecture()) {
  snapshot_.weights = copies_.add_weights(network_->weights());
  if (learner_ == nullptr) return;
  snapshot_.states = copies_.add_states(*learner_);
  snapshot_.steps = learner_->steps;
  snapshot_.epochs = learner_->epochs;
  snapshot_.rate_scale = learner_->rate_scale;
}

void CopyOperation::compute(const std::atomic<bool>& /*stop*/) {
  copies_.make();
  lock_.reset();
}

Napi::Value CopyOperation::result(Napi::Env env) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("weights", from_tensors(env, snapshot_.weights));
  object.Set("state", from_state(env, snapshot_));
  return object;
}

}  // namespace gradloom
