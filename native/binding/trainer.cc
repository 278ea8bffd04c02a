#include "binding/trainer.h"

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <vector>

#include "binding/addon.h"
#include "binding/convert.h"
#include "binding/copy_operation.h"
#include "binding/errors.h"
#include "binding/model.h"
#include "binding/promise_operation.h"
#include "binding/run.h"
#include "binding/run_state.h"
#include "common/error.h"
#include "training/profile/step_profile.h"
#include "training/run/snapshot.h"
#include "training/tables/lazy_row_updates.h"

namespace gradloom {
namespace {

NonFinitePolicy to_policy(const std::string& name) {
  if (name == "stop") return NonFinitePolicy::kStop;
  if (name == "skip") return NonFinitePolicy::kSkip;
  if (name == "ignore") return NonFinitePolicy::kIgnore;
  throw Error("INVALID_ARGUMENT", "nonFinite must be \"stop\", \"skip\" or \"ignore\"");
}

// One array that the optimizer keeps of a parameter.
struct State {
  int parameter;
  size_t index;
  std::string name;
  Shape shape;
};

// A custom loss may call anything while the step waits for it: to that the model trains.
class TrainingClaim {
 public:
  TrainingClaim(Network& network, const std::string& operation) : network_(network) {
    if (!network.begin_training()) {
      throw Error("MODEL_BUSY", operation + ": the model is being trained; await its run, or stop it, first");
    }
  }
  ~TrainingClaim() { network_.end_training(); }
  TrainingClaim(const TrainingClaim&) = delete;
  TrainingClaim& operator=(const TrainingClaim&) = delete;

 private:
  Network& network_;
};

std::vector<State> states_of(const Learner& learner) {
  std::vector<State> states;
  const auto& parameters = learner.network().architecture().parameters();
  for (size_t p = 0; p < parameters.size(); ++p) {
    const auto& specs = learner.states(static_cast<int>(p));
    for (size_t i = 0; i < specs.size(); ++i) {
      states.push_back({static_cast<int>(p), i, state_name(parameters[p], specs[i]), specs[i].shape});
    }
  }
  return states;
}

void import_state(Learner& learner, const State& state, const float* file) {
  float* stored = learner.state(state.parameter, state.index);
  if (learner.optimizer(state.parameter).granularity() == Granularity::kElement) {
    learner.network().architecture().from_file_layout(state.parameter, file, stored);
  } else {
    std::copy_n(file, state.shape.size(), stored);
  }
}

class LoadStateOperation final : public PromiseOperation {
 public:
  LoadStateOperation(Napi::Env env, std::shared_ptr<Learner> learner, const Napi::Object& state)
      : PromiseOperation(env, "gradloom.loadState"),
        learner_(std::move(learner)),
        steps_(integer_property(state, "steps", 0)),
        epochs_(integer_property(state, "epochs", 0)),
        rate_scale_(number_property(state, "rateScale")) {
    if (!state.Get("tensors").IsArray()) throw Error("INVALID_ARGUMENT", "tensors must be a list");
    const auto list = state.Get("tensors").As<Napi::Array>();
    std::map<std::string, Napi::Float32Array> given;
    for (uint32_t i = 0; i < list.Length(); ++i) {
      const Napi::Object tensor = to_object(list.Get(i), "tensor");
      given.emplace(string_property(tensor, "name"), float_array(tensor.Get("data"), "data"));
    }
    states_ = states_of(*learner_);
    if (given.size() != states_.size()) {
      throw Error("SHAPE_MISMATCH", "the state has " + std::to_string(given.size()) + " tensors, the optimizer needs " +
                                        std::to_string(states_.size()));
    }
    for (const State& expected : states_) {
      const auto found = given.find(expected.name);
      if (found == given.end()) throw Error("SHAPE_MISMATCH", "the state has no tensor \"" + expected.name + "\"");
      if (static_cast<int64_t>(found->second.ElementLength()) != expected.shape.size()) {
        throw Error("SHAPE_MISMATCH", found->first + " has " + std::to_string(found->second.ElementLength()) +
                                          " values, expected " + expected.shape.to_string());
      }
      values_.push_back(found->second.Data());
      held_.push_back(Napi::Persistent(found->second.As<Napi::Object>()));
    }
  }

 protected:
  void compute(const std::atomic<bool>& /*stop*/) override {
    const std::unique_lock guard(learner_->network().lock());
    learner_->network().lend(nullptr);
    for (size_t i = 0; i < states_.size(); ++i) import_state(*learner_, states_[i], values_[i]);
    learner_->steps = static_cast<uint64_t>(steps_);
    learner_->epochs = static_cast<uint64_t>(epochs_);
    learner_->rate_scale = rate_scale_;
    learner_->lazy_row_updates().resume();
  }
  Napi::Value result(Napi::Env env) override { return env.Undefined(); }

 private:
  std::shared_ptr<Learner> learner_;
  int64_t steps_;
  int64_t epochs_;
  double rate_scale_;
  std::vector<State> states_;
  std::vector<const float*> values_;
  std::vector<Napi::ObjectReference> held_;
};

}  // namespace

Napi::Function TrainerWrap::define(Napi::Env env) {
  return DefineClass(
      env, "NativeTrainer",
      {InstanceMethod<&TrainerWrap::fit>("fit"), InstanceMethod<&TrainerWrap::train_step>("trainStep"),
       InstanceMethod<&TrainerWrap::profile>("profile"), InstanceMethod<&TrainerWrap::get_state>("getState"),
       InstanceMethod<&TrainerWrap::copy_state>("copyState"), InstanceMethod<&TrainerWrap::load_state>("loadState"),
       InstanceMethod<&TrainerWrap::reset>("reset"), InstanceAccessor<&TrainerWrap::states>("states"),
       InstanceAccessor<&TrainerWrap::steps>("steps"),
       InstanceMethod<&TrainerWrap::effective_rates>("effectiveRates")});
}

TrainerWrap::TrainerWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<TrainerWrap>(info) {
  guarded(info.Env(), [&] {
    const ModelWrap& model = ModelWrap::unwrap(info[0]);
    const Napi::Object spec = to_object(info[1], "spec");
    MadeLoss made = make_loss_of(to_spec(spec.Get("loss")));
    js_loss_ = made.js;
    auto objective =
        std::make_shared<const Objective>(std::move(made.loss), to_spec_list(spec.Get("metrics"), "metrics"),
                                          model.network()->architecture().output_shape());
    threads_ = to_threads(spec.Get("threads"));
    LearnerSettings settings{.seed = seed_property(spec),
                             .non_finite = to_policy(string_property(spec, "nonFinite")),
                             .clip = to_clip(spec.Get("clipGradients")),
                             .parameters = to_parameter_settings(spec.Get("parameters")),
                             .memory_limit = integer_property(spec, "memoryLimit", 0),
                             .awaits_state = spec.Get("awaitsState").ToBoolean()};
    if (!spec.Get("others").IsUndefined()) {
      for (const Spec& other : to_spec_list(spec.Get("others"), "others")) {
        settings.others.push_back(make_optimizer(other));
      }
    }
    for (const ParameterSettings& parameter : settings.parameters) {
      if (parameter.optimizer > settings.others.size()) {
        throw Error("INVALID_ARGUMENT", "a parameter's optimizer must be one of those that are given");
      }
    }
    learner_ = std::make_shared<Learner>(model.network(), make_optimizer(to_spec(spec.Get("optimizer"))),
                                         std::move(objective), std::move(settings));
    single_steps_ = std::make_unique<SingleSteps>(learner_);
    accounted_bytes_ = learner_->state_bytes();
    Napi::MemoryManagement::AdjustExternalMemory(info.Env(), accounted_bytes_);
  });
}

void TrainerWrap::Finalize(Napi::Env env) { Napi::MemoryManagement::AdjustExternalMemory(env, -accounted_bytes_); }

void TrainerWrap::refuse_while_training(const char* operation) const {
  if (learner_->network().training()) {
    throw Error("MODEL_BUSY", std::string(operation) + " while the model trains; await the run, or stop it, first");
  }
}

Napi::Value TrainerWrap::fit(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Napi::Env env = info.Env();
    auto operation =
        std::make_unique<FitOperation>(env, TrainerShare{learner_, js_loss_, threads_}, info[0], info[1], info[2]);
    const Napi::Object handle = Addon::of(env).new_run();
    RunWrap::Unwrap(handle)->attach(*operation, learner_);
    RunWrap::Unwrap(handle)->attach(Addon::of(env).operations().start(std::move(operation)));
    return handle;
  });
}

Napi::Value TrainerWrap::train_step(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Network& network = learner_->network();
    const HeldSamples held(info[0], network.architecture());
    if (held.samples().count() == 0) throw Error("INVALID_DATA", "trainStep: the batch is empty");
    learner_->objective()->check_labels(held.samples());
    const Napi::Object options = to_object(info[1], "options");
    const TrainingClaim claim(network, "trainStep");
    const AttachedLoss loss(js_loss_, nullptr, options.Get("lossFunction"));
    const Napi::Value rate = options.Get("learningRate");
    if (!rate.IsUndefined()) {
      learner_->check_schedule();
      learner_->learning_rate = to_number(rate, "learningRate");
    }
    return Napi::Number::New(info.Env(), single_steps_->run(held.samples(), threads_));
  });
}

Napi::Value TrainerWrap::profile(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Napi::Env env = info.Env();
    Network& network = learner_->network();
    if (js_loss_ != nullptr) throw Error("INVALID_ARGUMENT", "profile: takes no custom loss");
    const HeldSamples held(info[0], network.architecture());
    learner_->objective()->check_labels(held.samples());
    const Napi::Object options = to_object(info[1], "options");
    const TrainingClaim claim(network, "profile");
    const StepProfile profile = profile_steps(*learner_, held.samples(),
                                              {.batch = integer_property(options, "batchSize", 1),
                                               .steps = integer_property(options, "steps", 1),
                                               .threads = threads_,
                                               .searches_threads = options.Get("searchesThreads").ToBoolean()});
    Napi::Array parts = Napi::Array::New(env);
    for (const ProfiledPart& part : profile.parts) {
      Napi::Object object = Napi::Object::New(env);
      object.Set("name", part.name);
      object.Set("pass", part.pass);
      object.Set("kernel", part.kernel);
      object.Set("seconds", part.seconds);
      object.Set("flops", part.work.flops);
      object.Set("kernelFlops", part.work.kernel_flops);
      object.Set("divisions", part.work.divisions);
      object.Set("bytes", part.work.bytes);
      object.Set("workingSet", part.work.working_set);
      object.Set("placedBytes", part.work.placed_bytes);
      object.Set("rowBytes", part.work.row_bytes);
      object.Set("tableBytes", part.work.table_bytes);
      parts.Set(parts.Length(), object);
    }
    Napi::Float64Array steps = Napi::Float64Array::New(env, profile.steps.size());
    std::copy(profile.steps.begin(), profile.steps.end(), steps.Data());
    Napi::Object result = Napi::Object::New(env);
    result.Set("threads", profile.threads);
    result.Set("parts", parts);
    result.Set("seconds", profile.seconds);
    result.Set("stepSeconds", steps);
    return result;
  });
}

Napi::Value TrainerWrap::effective_rates(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const double learning_rate = to_number(info[0], "learningRate");
    const std::shared_lock guard(learner_->network().lock());
    const Architecture& architecture = learner_->network().architecture();
    Napi::Array result = Napi::Array::New(info.Env());
    for (size_t p = 0; p < architecture.parameters().size(); ++p) {
      const auto& updated = architecture.parameters()[p];
      const int parameter = static_cast<int>(p);
      if (updated.role != ParameterRole::kTrained) continue;
      std::array<float*, kMostStates> states{};
      for (size_t i = 0; i < learner_->states(parameter).size(); ++i) states.at(i) = learner_->state(parameter, i);
      const auto count = static_cast<size_t>(updated.shape.size());
      std::vector<float> rates(count);
      learner_->optimizer(parameter).effective_rates({.count = updated.shape.size(),
                                                      .weight = nullptr,
                                                      .gradient = nullptr,
                                                      .states = states.data(),
                                                      .step = learner_->steps + 1,
                                                      .learning_rate = learner_->rate_of(parameter, learning_rate),
                                                      .weight_decay = learner_->settings(parameter).weight_decay,
                                                      .shape = updated.shape},
                                                     rates.data());
      Napi::Float32Array data = Napi::Float32Array::New(info.Env(), count);
      if (learner_->optimizer(parameter).granularity() == Granularity::kElement) {
        architecture.to_file_layout(parameter, rates.data(), data.Data());
      } else {
        std::copy_n(rates.data(), count, data.Data());
      }
      Napi::Object tensor = Napi::Object::New(info.Env());
      tensor.Set("name", updated.name);
      tensor.Set("shape", from_shape(info.Env(), updated.shape));
      tensor.Set("data", data);
      result.Set(result.Length(), tensor);
    }
    return result;
  });
}

Napi::Value TrainerWrap::steps(const Napi::CallbackInfo& info) {
  const std::shared_lock guard(learner_->network().lock());
  return Napi::Number::New(info.Env(), static_cast<double>(learner_->steps));
}

Napi::Value TrainerWrap::states(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Napi::Array rows = Napi::Array::New(info.Env());
    for (const State& state : states_of(*learner_)) {
      Napi::Object row = Napi::Object::New(info.Env());
      row.Set("name", state.name);
      row.Set("shape", from_shape(info.Env(), state.shape));
      rows.Set(rows.Length(), row);
    }
    return rows;
  });
}

Napi::Value TrainerWrap::get_state(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Napi::Env env = info.Env();
    const std::shared_lock guard(learner_->network().lock());
    TensorCopies copies(learner_->network().architecture());
    const std::vector<SavedTensor> tensors = copies.add_states(*learner_);
    copies.make();
    Napi::Object state = Napi::Object::New(env);
    state.Set("steps", static_cast<double>(learner_->steps));
    state.Set("epochs", static_cast<double>(learner_->epochs));
    state.Set("rateScale", learner_->rate_scale);
    state.Set("tensors", from_tensors(env, tensors));
    return state;
  });
}

Napi::Value TrainerWrap::copy_state(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    return start_promise(info.Env(), std::make_unique<CopyOperation>(info.Env(), learner_->shared_network(), learner_));
  });
}

Napi::Value TrainerWrap::load_state(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    refuse_while_training("loadState");
    return start_promise(info.Env(),
                         std::make_unique<LoadStateOperation>(info.Env(), learner_, to_object(info[0], "state")));
  });
}

Napi::Value TrainerWrap::reset(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    refuse_while_training("reset");
    const std::unique_lock guard(learner_->network().lock());
    learner_->reset();
    return info.Env().Undefined();
  });
}

}  // namespace gradloom
