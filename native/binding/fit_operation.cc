#include "binding/fit_operation.h"

#include <utility>

#include "binding/errors.h"
#include "binding/run_state.h"
#include "common/error.h"

namespace gradloom {
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

}  // namespace gradloom
