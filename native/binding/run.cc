#include "binding/run.h"

#include <utility>
#include <vector>

#include "binding/errors.h"
#include "common/error.h"

namespace gradloom {

Napi::Function RunWrap::define(Napi::Env env) {
  return DefineClass(
      env, "NativeRun",
      {InstanceMethod<&RunWrap::stop>("stop"), InstanceMethod<&RunWrap::set_lockstep>("setLockstep"),
       InstanceMethod<&RunWrap::acknowledge>("acknowledge"), InstanceMethod<&RunWrap::set_paused>("setPaused"),
       InstanceMethod<&RunWrap::ask>("ask"), InstanceMethod<&RunWrap::snapshot_done>("snapshotDone"),
       InstanceMethod<&RunWrap::push_rates>("pushRates"), InstanceMethod<&RunWrap::push>("push")});
}

void RunWrap::attach(const FitOperation& operation, std::shared_ptr<Learner> learner) {
  control_ = operation.control();
  rates_ = operation.rates();
  parts_ = operation.parts();
  augments_ = operation.augments();
  learner_ = std::move(learner);
}

Napi::Value RunWrap::stop(const Napi::CallbackInfo& info) {
  if (const auto job = job_.lock()) job->stop();
  return info.Env().Undefined();
}

Napi::Value RunWrap::set_lockstep(const Napi::CallbackInfo& info) {
  if (control_) control_->set_lockstep(info[0].ToBoolean());
  return info.Env().Undefined();
}

Napi::Value RunWrap::push_rates(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const int64_t first = to_integer(info[0], "step", 0);
    std::vector<double> rates = to_rates(info[1]);
    if (rates_) rates_->push(static_cast<uint64_t>(first), std::move(rates));
    return info.Env().Undefined();
  });
}

Napi::Value RunWrap::acknowledge(const Napi::CallbackInfo& info) {
  if (control_) control_->acknowledge();
  return info.Env().Undefined();
}

Napi::Value RunWrap::set_paused(const Napi::CallbackInfo& info) {
  if (control_) control_->set_paused(info[0].ToBoolean());
  return info.Env().Undefined();
}

Napi::Value RunWrap::ask(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Napi::Object given = to_object(info[0], "requests");
    RunRequests requests{.snapshot = given.Get("snapshot").ToBoolean(),
                         .keep_weights = given.Get("keepWeights").ToBoolean()};
    if (!given.Get("rateScale").IsUndefined()) requests.rate_scale = number_property(given, "rateScale");
    if (control_) control_->ask(requests);
    return info.Env().Undefined();
  });
}

Napi::Value RunWrap::snapshot_done(const Napi::CallbackInfo& info) {
  if (control_) control_->snapshot_done();
  return info.Env().Undefined();
}

// Nothing is taken of samples that do not fit.
Napi::Value RunWrap::push(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (!parts_) throw Error("INVALID_ARGUMENT", "push: the run is not over a stream");
    std::unique_ptr<HeldSamples> part;
    if (!info[0].IsUndefined()) {
      part = std::make_unique<HeldSamples>(info[0], learner_->network().architecture());
      if (part->samples().count() == 0) throw Error("INVALID_DATA", "fit: a part of the stream is empty");
      learner_->objective()->check_labels(part->samples());
      if (augments_) part->samples().check_images();
    }
    parts_->push(std::move(part));
    return info.Env().Undefined();
  });
}

}  // namespace gradloom
