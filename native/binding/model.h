// NativeModel of lib/native: a network and the plans of its predictions.
#pragma once

#include <memory>

#include <napi.h>
#include "training/inference/predict.h"
#include "training/network/network.h"

namespace gradloom {

class ModelWrap : public Napi::ObjectWrap<ModelWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  // Throws INVALID_ARGUMENT unless the value is a native model.
  static ModelWrap& unwrap(const Napi::Value& value);

  explicit ModelWrap(const Napi::CallbackInfo& info);
  void Finalize(Napi::Env env) override;

  // Throws MODEL_DISPOSED after dispose.
  const std::shared_ptr<Network>& network() const;
  const std::shared_ptr<PlanPool>& plans() const { return plans_; }

 private:
  Napi::Value layers(const Napi::CallbackInfo& info);
  Napi::Value output_shape(const Napi::CallbackInfo& info);
  Napi::Value input_forms(const Napi::CallbackInfo& info);
  Napi::Value parameters(const Napi::CallbackInfo& info);
  Napi::Value get_parameters(const Napi::CallbackInfo& info);
  Napi::Value set_parameters(const Napi::CallbackInfo& info);
  Napi::Value copy_parameters(const Napi::CallbackInfo& info);
  Napi::Value load_parameters(const Napi::CallbackInfo& info);
  Napi::Value plan(const Napi::CallbackInfo& info);
  Napi::Value predict_sync(const Napi::CallbackInfo& info);
  Napi::Value predict(const Napi::CallbackInfo& info);
  Napi::Value differentiate(const Napi::CallbackInfo& info);
  Napi::Value dispose(const Napi::CallbackInfo& info);

  std::shared_ptr<Network> network_;
  std::shared_ptr<PlanPool> plans_ = std::make_shared<PlanPool>();
  ThreadSearches call_threads_;  // of predictSync
  int64_t accounted_bytes_ = 0;
};

// While a network trains, others see a copy of it between two steps and let it go on.
std::shared_ptr<Network> state_to_read(const std::shared_ptr<Network>& network);

// evaluate of lib/native.
Napi::Value evaluate(const Napi::CallbackInfo& info);

}  // namespace gradloom
