#include "binding/js_loss.h"

#include <algorithm>

#include "binding/convert.h"
#include "common/denormals.h"
#include "common/error.h"

namespace gradloom {

void JsLoss::attach(EventChannel* channel, const Napi::Value& function) {
  if (!function.IsFunction()) throw Error("INVALID_ARGUMENT", "lossFunction must be a function for a custom loss");
  channel_ = channel;
  function_ = Napi::Persistent(function.As<Napi::Function>());
  const std::lock_guard guard(mutex_);
  stopped_ = false;
}

void JsLoss::detach() {
  function_.Reset();
  channel_ = nullptr;
}

void JsLoss::stop() {
  {
    const std::lock_guard guard(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
}

double JsLoss::mean(const LossArguments& args) {
  {
    const std::lock_guard guard(mutex_);
    if (stopped_) throw Stopped();
    asked_ = &args;
    answered_ = false;
  }
  if (channel_ == nullptr) {
    const DenormalScope scope(Denormals::kKept);
    answer(function_.Env());
  } else {
    // Dropped when the environment goes first, which then stops the operation.
    try {
      channel_->send([this](Napi::Env env) { answer(env); });
    } catch (...) {
      const std::lock_guard guard(mutex_);
      asked_ = nullptr;
      throw;
    }
  }
  std::unique_lock guard(mutex_);
  changed_.wait(guard, [&] { return answered_ || stopped_; });
  asked_ = nullptr;
  if (!answered_) throw Stopped();
  if (!mean_) throw Error("INVALID_DATA", "the function of the custom loss failed");
  return *mean_;
}

// The thread may be stopped and gone whenever the mutex is free, and it is while the function runs.
void JsLoss::answer(Napi::Env env) {
  std::unique_lock guard(mutex_);
  if (asked_ == nullptr) return;
  std::optional<double> mean;
  Napi::Value gradient = env.Undefined();
  const auto rows = static_cast<size_t>(asked_->rows);
  const size_t values = rows * static_cast<size_t>(asked_->columns);
  try {
    const Napi::Value outputs = copy_to_js(env, asked_->outputs, values);
    const Targets& targets = asked_->targets;
    Napi::Value labels;
    if (targets.classes != nullptr)
      labels = copy_to_js(env, targets.classes, rows);
    else
      labels = copy_to_js(env, targets.values, values);
    Napi::Value weights = env.Undefined();
    if (targets.weights != nullptr) weights = copy_to_js(env, targets.weights, rows);
    const Napi::Value count = Napi::Number::New(env, static_cast<double>(rows));
    if (asked_->gradient != nullptr) gradient = Napi::Float32Array::New(env, values);
    guard.unlock();
    const Napi::Value result = function_.Call({outputs, labels, weights, gradient, count});
    if (result.IsNumber()) mean = result.As<Napi::Number>().DoubleValue();
  } catch (const Napi::Error&) {
    // The function catches what it throws: this is an environment that ends, or has no memory.
  }
  if (!guard.owns_lock()) guard.lock();
  if (asked_ == nullptr) return;
  if (mean && asked_->gradient != nullptr) {
    std::copy_n(gradient.As<Napi::Float32Array>().Data(), values, asked_->gradient);
  }
  mean_ = mean;
  answered_ = true;
  changed_.notify_all();
}

MadeLoss make_loss_of(const Spec& spec) {
  if (spec.string("kind") != "custom") return {make_loss(spec), nullptr};
  auto js = std::make_shared<JsLoss>();
  return {std::make_unique<CustomLoss>(spec, js), js};
}

}  // namespace gradloom
