#include "binding/run.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "binding/errors.h"
#include "binding/run_state.h"
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

void StreamParts::push(std::unique_ptr<HeldSamples> part) {
  {
    const std::lock_guard guard(mutex_);
    if (next_ != nullptr) throw Error("INVALID_ARGUMENT", "push: the part before was not taken yet");
    over_ |= part == nullptr;
    next_ = std::move(part);
  }
  changed_.notify_all();
}

std::optional<const ArraySamples*> StreamParts::take(double most_seconds) {
  constexpr double kLongest = 1e6;  // a clock's ticks overflow beyond; who asks asks again
  std::unique_lock guard(mutex_);
  const bool has_come = changed_.wait_for(guard, std::chrono::duration<double>(std::min(most_seconds, kLongest)),
                                          [&] { return over_ || next_ != nullptr; });
  if (!has_come) return std::nullopt;
  if (next_ == nullptr) return nullptr;
  if (current_ != nullptr) used_.push_back(std::move(current_));
  current_ = std::move(next_);
  return &current_->samples();
}

void StreamParts::drop_used() {
  std::vector<std::unique_ptr<HeldSamples>> used;
  {
    const std::lock_guard guard(mutex_);
    used.swap(used_);
  }
}

void StreamParts::stop() {
  {
    const std::lock_guard guard(mutex_);
    over_ = true;
  }
  changed_.notify_all();
}

void RunControl::stopped() {
  {
    const std::lock_guard guard(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
}

void RunControl::set_paused(bool on) {
  {
    const std::lock_guard guard(mutex_);
    paused_ = on;
    if (on) asked_.store(true, std::memory_order_relaxed);
  }
  changed_.notify_all();
}

void RunControl::ask(const RunRequests& requests) {
  const std::lock_guard guard(mutex_);
  requests_.snapshot |= requests.snapshot;
  requests_.keep_weights |= requests.keep_weights;
  if (requests.rate_scale) requests_.rate_scale = requests.rate_scale;
  asked_.store(true, std::memory_order_relaxed);
}

void RunControl::snapshot_done() { snapshots_in_flight_.fetch_sub(1); }

RunRequests RunControl::take_requests() {
  using Clock = std::chrono::steady_clock;
  if (!asked_.load(std::memory_order_relaxed)) return {};
  std::unique_lock guard(mutex_);
  const Clock::time_point start = Clock::now();
  const bool waits = paused_ && !stopped_;
  changed_.wait(guard, [&] { return stopped_ || !paused_; });
  RunRequests requests = std::exchange(requests_, {});
  if (waits) requests.paused = std::chrono::duration<double>(Clock::now() - start).count();
  asked_.store(false, std::memory_order_relaxed);
  return requests;
}

bool ProgressQueue::add(ProgressReport report) {
  const std::lock_guard guard(mutex_);
  reports_.push_back(std::move(report));
  if (reports_.size() > kMost) {
    reports_.pop_front();
    ++dropped_;
  }
  return !std::exchange(in_flight_, true);
}

std::deque<ProgressReport> ProgressQueue::take(uint64_t& dropped) {
  const std::lock_guard guard(mutex_);
  in_flight_ = false;
  dropped = dropped_;
  return std::exchange(reports_, {});
}

namespace {

const char* reason_of(FitEnd end) {
  switch (end) {
    case FitEnd::kCompleted: return "completed";
    case FitEnd::kStopped: return "stopped";
    case FitEnd::kOutOfSteps: return "maxSteps";
    case FitEnd::kOutOfTime: return "maxSeconds";
  }
  return "";
}

}  // namespace

FitOperation::FitOperation(Napi::Env env, const TrainerShare& trainer, const Napi::Value& train,
                           const Napi::Value& options, const Napi::Value& on_event)
    : Operation(env, "gradloom.fit"),
      learner_(trainer.learner),
      options_(to_fit_options(to_object(options, "options"), trainer.threads)),
      control_(std::make_shared<RunControl>(
          options.As<Napi::Object>().Get("lockstep").ToBoolean(),
          learner_->objective()->metrics().hands_samples_over() ? 0 : RunControl::kMostAhead)) {
  const Objective& objective = *learner_->objective();
  if (train.IsUndefined()) {
    parts_ = std::make_shared<StreamParts>();
  } else {
    train_.emplace(train, learner_->network().architecture());
    if (train_->samples().count() == 0) throw Error("INVALID_DATA", "fit: the dataset is empty");
    objective.check_labels(train_->samples());
    if (options_.augmentation.changes()) train_->samples().check_images();
  }
  const Napi::Value validation = options.As<Napi::Object>().Get("validation");
  if (!validation.IsUndefined()) {
    validation_.emplace(validation, learner_->network().architecture());
    if (validation_->samples().count() == 0) throw Error("INVALID_DATA", "fit: the validation dataset is empty");
    objective.check_labels(validation_->samples());
  }
  start_ = to_run_start(options.As<Napi::Object>().Get("start"), objective, learner_->network().architecture());
  const Napi::Value rates = options.As<Napi::Object>().Get("learningRates");
  if (!rates.IsUndefined()) {
    rates_ = std::make_shared<RateFeed>([this](uint64_t first) { ask_for_rates(first); });
    rates_->push(learner_->steps, to_rates(rates));
    options_.learning_rates = rates_.get();
  }
  if (train_) check_memory(*learner_, train_->samples(), validation_ ? &validation_->samples() : nullptr, options_);
  if (!on_event.IsFunction()) throw Error("INVALID_ARGUMENT", "onEvent must be a function");
  on_event_ = Napi::Persistent(on_event.As<Napi::Function>());
  if (!learner_->network().begin_training()) {
    throw Error("MODEL_BUSY", "this model already trains; await that run, or stop it, before the next fit");
  }
  try {
    loss_.emplace(trainer.js_loss, &channel(), options.As<Napi::Object>().Get("lossFunction"));
  } catch (...) {
    learner_->network().end_training();
    throw;
  }
}

void FitOperation::wake() {
  control_->stopped();
  if (rates_) rates_->stop();
  if (parts_) parts_->stop();
  if (loss_) loss_->stop();
}

// Without `settle` when the environment goes first.
FitOperation::~FitOperation() {
  if (!settled_) learner_->network().end_training();
}

void FitOperation::work(const std::atomic<bool>& stop) {
  try {
    const ArraySamples* validation = validation_ ? &validation_->samples() : nullptr;
    end_ = train_ ? fit(*learner_, train_->samples(), validation, options_, stop, *this, std::move(start_))
                  : fit_stream(*learner_, validation, options_, stop, *this, std::move(start_));
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
  if (!error_) error_ = untold_;
  if (error_) {
    event.Set("reason", "error");
    event.Set("error", to_js_error(env, error_).Value());
  } else {
    event.Set("reason", reason_of(end_));
  }
  on_event_.Call({event});
}

// What fails on the way to JavaScript, for want of memory, ends the run with that error.
void FitOperation::tell(EventChannel::Call call) {
  channel().send([this, call = std::move(call)](Napi::Env env) {
    try {
      call(env);
    } catch (...) {
      untold_ = std::current_exception();
      stop();
    }
  });
}

void FitOperation::on_progress(const ProgressReport& report) {
  if (!progress_.add(report)) return;
  tell([this](Napi::Env env) {
    uint64_t dropped = 0;
    for (const ProgressReport& each : progress_.take(dropped)) {
      const Napi::HandleScope scope(env);
      Napi::Object event = from_result(env, each.training);
      event.Set("type", "progress");
      event.Set("epoch", static_cast<double>(each.epoch));
      event.Set("steps", static_cast<double>(each.steps));
      event.Set("batch", static_cast<double>(each.batch));
      event.Set("batches", static_cast<double>(each.batches));
      event.Set("dropped", static_cast<double>(dropped));
      on_event_.Call({event});
    }
  });
}

void FitOperation::ask_for_rates(uint64_t first) {
  tell([this, first](Napi::Env env) {
    Napi::Object event = Napi::Object::New(env);
    event.Set("type", "rates");
    event.Set("step", static_cast<double>(first));
    on_event_.Call({event});
  });
}

void FitOperation::on_epoch(const EpochReport& report) {
  const uint64_t number = ++epoch_events_;
  std::optional<ObjectiveResult> validation;
  if (report.validation != nullptr) validation = *report.validation;
  tell([this, number, report, validation](Napi::Env env) {
    control_->delivered(number);
    Napi::Object event = from_result(env, report.training);
    event.Set("type", "epoch");
    event.Set("epoch", static_cast<double>(report.epoch));
    event.Set("steps", static_cast<double>(report.steps));
    event.Set("skippedSteps", static_cast<double>(report.skipped_steps));
    event.Set("rateScale", report.rate_scale);
    event.Set("seconds", report.seconds);
    event.Set("validationSeconds", report.validation_seconds);
    event.Set("samplesPerSecond", static_cast<double>(report.samples) / report.seconds);
    if (validation) event.Set("validation", from_result(env, *validation));
    if (learner_->network().architecture().has_regularizers()) event.Set("penalty", report.penalty);
    on_event_.Call({event});
  });
  control_->wait_for_consumer(number);
}

void FitOperation::on_snapshot(Snapshot snapshot) {
  control_->snapshot_sent();
  tell([this, taken = std::make_shared<const Snapshot>(std::move(snapshot))](Napi::Env env) {
    Napi::Object event = from_snapshot(env, *taken);
    event.Set("type", "snapshot");
    on_event_.Call({event});
  });
}

void FitOperation::on_inspection(InspectionReport report) {
  tell([this, report = std::move(report)](Napi::Env env) {
    const auto& parameters = learner_->network().architecture().parameters();
    Napi::Array list = Napi::Array::New(env, report.parameters.size());
    for (size_t i = 0; i < report.parameters.size(); ++i) {
      const ParameterFigures& each = report.parameters[i];
      Napi::Object object = Napi::Object::New(env);
      object.Set("name", parameters[static_cast<size_t>(each.parameter)].name);
      object.Set("gradientNorm", each.gradient_norm);
      object.Set("weightNorm", each.weight_norm);
      object.Set("updateNorm", each.update_norm);
      object.Set("smallestRate", each.smallest_rate);
      object.Set("meanRate", each.mean_rate);
      object.Set("largestRate", each.largest_rate);
      list.Set(static_cast<uint32_t>(i), object);
    }
    Napi::Object event = Napi::Object::New(env);
    event.Set("type", "inspection");
    event.Set("step", static_cast<double>(report.step));
    event.Set("learningRate", report.learning_rate);
    event.Set("parameters", list);
    on_event_.Call({event});
  });
}

std::optional<const ArraySamples*> FitOperation::next_samples(double most_seconds) {
  const std::optional<const ArraySamples*> next = parts_->take(most_seconds);
  if (next && *next != nullptr) {
    tell([this](Napi::Env env) {
      parts_->drop_used();
      Napi::Object event = Napi::Object::New(env);
      event.Set("type", "taken");
      on_event_.Call({event});
    });
  }
  return next;
}

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
