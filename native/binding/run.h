// The handle of a training run (NativeRun of lib/native).
#pragma once

#include <memory>

#include <napi.h>
#include "binding/fit_operation.h"

namespace gradloom {

class RunWrap : public Napi::ObjectWrap<RunWrap> {
 public:
  static Napi::Function define(Napi::Env env);

  explicit RunWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<RunWrap>(info) {}
  void attach(const FitOperation& operation, std::shared_ptr<Learner> learner);
  void attach(std::weak_ptr<Job> job) { job_ = std::move(job); }

 private:
  Napi::Value stop(const Napi::CallbackInfo& info);
  Napi::Value set_lockstep(const Napi::CallbackInfo& info);
  Napi::Value acknowledge(const Napi::CallbackInfo& info);
  Napi::Value set_paused(const Napi::CallbackInfo& info);
  Napi::Value ask(const Napi::CallbackInfo& info);
  Napi::Value snapshot_done(const Napi::CallbackInfo& info);
  Napi::Value push_rates(const Napi::CallbackInfo& info);
  Napi::Value push(const Napi::CallbackInfo& info);

  std::shared_ptr<RunControl> control_;
  std::shared_ptr<RateFeed> rates_;
  std::shared_ptr<StreamParts> parts_;  // null unless the run is over a stream
  bool augments_ = false;
  std::shared_ptr<Learner> learner_;
  std::weak_ptr<Job> job_;
};

}  // namespace gradloom
