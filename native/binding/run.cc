#include "binding/run.h"

#include <utility>

#include "binding/errors.h"
#include "common/error.h"

namespace gradloom {

void RunControl::set_lockstep(bool on) {
  {
    const std::lock_guard guard(mutex_);
    lockstep_ = on;
  }
  changed_.notify_all();
}

void RunControl::delivered(uint64_t event) {
  {
    const std::lock_guard guard(mutex_);
    delivered_ = event;
  }
  changed_.notify_all();
}

void RunControl::acknowledge() {
  {
    const std::lock_guard guard(mutex_);
    acknowledged_ = delivered_;
  }
  changed_.notify_all();
}

void RunControl::wait_for_consumer(uint64_t event) {
  std::unique_lock guard(mutex_);
  changed_.wait(guard,
                [&] { return stopped_ || (lockstep_ ? acknowledged_ >= event : delivered_ + most_ahead_ >= event); });
}

void RunControl::stopped() {
  {
    const std::lock_guard guard(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
}

namespace {

Shuffle to_shuffle(const std::string& name) {
  if (name != "epoch" && name != "never") throw Error("INVALID_ARGUMENT", "shuffle must be \"epoch\" or \"never\"");
  return name == "epoch" ? Shuffle::kEachEpoch : Shuffle::kNever;
}

FitOptions to_fit_options(const Napi::Object& options, int threads) {
  return {.epochs = integer_property(options, "epochs", 1),
          .batch = integer_property(options, "batchSize", 1),
          .shuffle = to_shuffle(string_property(options, "shuffle")),
          .threads = threads,
          .progress_interval = number_property(options, "progressIntervalMs") / 1000};
}

}  // namespace

FitOperation::FitOperation(Napi::Env env, const TrainerShare& trainer, const Napi::Value& train,
                           const Napi::Value& options, const Napi::Value& on_event)
    : Operation(env, "gradloom.fit"),
      learner_(trainer.learner),
      train_(train, learner_->network().architecture().input_shape()),
      options_(to_fit_options(to_object(options, "options"), trainer.threads)),
      control_(std::make_shared<RunControl>(
          options.As<Napi::Object>().Get("lockstep").ToBoolean(),
          learner_->objective()->metrics().hands_samples_over() ? 0 : RunControl::kMostAhead)) {
  const Objective& objective = *learner_->objective();
  if (train_.samples().count() == 0) throw Error("INVALID_DATA", "fit: the dataset is empty");
  objective.check_labels(train_.samples());
  const Napi::Value validation = options.As<Napi::Object>().Get("validation");
  if (!validation.IsUndefined()) {
    validation_.emplace(validation, learner_->network().architecture().input_shape());
    if (validation_->samples().count() == 0) throw Error("INVALID_DATA", "fit: the validation dataset is empty");
    objective.check_labels(validation_->samples());
  }
  if (!on_event.IsFunction()) throw Error("INVALID_ARGUMENT", "onEvent must be a function");
  on_event_ = Napi::Persistent(on_event.As<Napi::Function>());
  if (!learner_->network().begin_training()) {
    throw Error("MODEL_BUSY", "this model already trains; await that run, or stop it, before the next fit");
  }
  try {
    loss_.emplace(trainer.js_loss, channel(), options.As<Napi::Object>().Get("lossFunction"));
  } catch (...) {
    learner_->network().end_training();
    throw;
  }
}

void FitOperation::wake() {
  control_->stopped();
  if (loss_) loss_->stop();
}

// Without `settle` when the environment goes first.
FitOperation::~FitOperation() {
  if (!settled_) learner_->network().end_training();
}

void FitOperation::work(const std::atomic<bool>& stop) {
  try {
    end_ = fit(*learner_, train_.samples(), validation_ ? &validation_->samples() : nullptr, options_, stop, *this);
  } catch (...) {
    error_ = std::current_exception();
  }
}

void FitOperation::settle(Napi::Env env) {
  // Before the event: its receiver may start the next run.
  settled_ = true;
  learner_->network().end_training();
  Napi::Object event = Napi::Object::New(env);
  event.Set("type", "end");
  if (error_) {
    event.Set("reason", "error");
    event.Set("error", to_js_error(env, error_).Value());
  } else {
    event.Set("reason", end_ == FitEnd::kCompleted ? "completed" : "stopped");
  }
  on_event_.Call({event});
}

void FitOperation::on_progress(const ProgressReport& report) {
  if (progress_in_flight_.exchange(true)) return;  // the event loop is behind: drop this one
  channel().send([this, report](Napi::Env env) {
    progress_in_flight_.store(false);
    Napi::Object event = from_result(env, report.training);
    event.Set("type", "progress");
    event.Set("epoch", static_cast<double>(report.epoch));
    event.Set("batch", static_cast<double>(report.batch));
    event.Set("batches", static_cast<double>(report.batches));
    on_event_.Call({event});
  });
}

void FitOperation::on_epoch(const EpochReport& report) {
  const uint64_t number = ++epoch_events_;
  std::optional<ObjectiveResult> validation;
  if (report.validation != nullptr) validation = *report.validation;
  channel().send([this, number, report, validation](Napi::Env env) {
    control_->delivered(number);
    Napi::Object event = from_result(env, report.training);
    event.Set("type", "epoch");
    event.Set("epoch", static_cast<double>(report.epoch));
    event.Set("steps", static_cast<double>(report.steps));
    event.Set("skippedSteps", static_cast<double>(report.skipped_steps));
    event.Set("seconds", report.seconds);
    event.Set("samplesPerSecond", static_cast<double>(report.samples) / report.seconds);
    if (validation) event.Set("validation", from_result(env, *validation));
    on_event_.Call({event});
  });
  control_->wait_for_consumer(number);
}

Napi::Function RunWrap::define(Napi::Env env) {
  return DefineClass(env, "NativeRun",
                     {InstanceMethod<&RunWrap::stop>("stop"), InstanceMethod<&RunWrap::set_lockstep>("setLockstep"),
                      InstanceMethod<&RunWrap::acknowledge>("acknowledge")});
}

void RunWrap::attach(std::shared_ptr<RunControl> control, std::weak_ptr<Job> job) {
  control_ = std::move(control);
  job_ = std::move(job);
}

Napi::Value RunWrap::stop(const Napi::CallbackInfo& info) {
  if (const auto job = job_.lock()) job->stop();
  return info.Env().Undefined();
}

Napi::Value RunWrap::set_lockstep(const Napi::CallbackInfo& info) {
  if (control_) control_->set_lockstep(info[0].ToBoolean());
  return info.Env().Undefined();
}

Napi::Value RunWrap::acknowledge(const Napi::CallbackInfo& info) {
  if (control_) control_->acknowledge();
  return info.Env().Undefined();
}

}  // namespace gradloom
