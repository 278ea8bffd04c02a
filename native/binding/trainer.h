// NativeTrainer of lib/native: a learner and the runs that train it.
#pragma once

#include <memory>

#include <napi.h>
#include "binding/js_loss.h"
#include "training/run/learner.h"
#include "training/step/single_steps.h"

namespace gradloom {

class TrainerWrap : public Napi::ObjectWrap<TrainerWrap> {
 public:
  static Napi::Function define(Napi::Env env);

  explicit TrainerWrap(const Napi::CallbackInfo& info);
  void Finalize(Napi::Env env) override;

 private:
  Napi::Value fit(const Napi::CallbackInfo& info);
  Napi::Value train_step(const Napi::CallbackInfo& info);
  Napi::Value profile(const Napi::CallbackInfo& info);
  Napi::Value steps(const Napi::CallbackInfo& info);
  Napi::Value effective_rates(const Napi::CallbackInfo& info);
  Napi::Value states(const Napi::CallbackInfo& info);
  Napi::Value get_state(const Napi::CallbackInfo& info);
  Napi::Value copy_state(const Napi::CallbackInfo& info);
  Napi::Value load_state(const Napi::CallbackInfo& info);
  Napi::Value reset(const Napi::CallbackInfo& info);
  void refuse_while_training(const char* operation) const;

  std::shared_ptr<Learner> learner_;
  std::unique_ptr<SingleSteps> single_steps_;
  std::shared_ptr<JsLoss> js_loss_;  // null unless the loss is a custom one
  int threads_ = 0;
  int64_t accounted_bytes_ = 0;
};

}  // namespace gradloom
