#include "binding/updater.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "binding/convert.h"
#include "binding/errors.h"
#include "common/error.h"
#include "kernels/work_sizes.h"
#include "optimizers/update_whole.h"

namespace gradloom {

Napi::Function UpdaterWrap::define(Napi::Env env) {
  return DefineClass(env, "NativeUpdater",
                     {InstanceAccessor<&UpdaterWrap::state_names>("stateNames"),
                      InstanceMethod<&UpdaterWrap::step>("step"), InstanceMethod<&UpdaterWrap::get_state>("getState"),
                      InstanceMethod<&UpdaterWrap::effective_rates>("effectiveRates")});
}

UpdaterWrap::UpdaterWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<UpdaterWrap>(info) {
  guarded(info.Env(), [&] {
    const Napi::Object spec = to_object(info[0], "spec");
    optimizer_ = make_optimizer(to_spec(spec.Get("optimizer")));
    clip_ = to_clip(spec.Get("clipGradients"));
    checks_gradients_ = string_property(spec, "nonFinite") != "ignore";
    threads_ = to_threads(spec.Get("threads"));
    if (!spec.Get("shapes").IsArray()) throw Error("INVALID_ARGUMENT", "shapes must be a list");
    const auto shapes = spec.Get("shapes").As<Napi::Array>();
    const std::vector<ParameterSettings> settings = to_parameter_settings(spec.Get("parameters"));
    if (!settings.empty() && settings.size() != shapes.Length()) {
      throw Error("INVALID_ARGUMENT", "parameters must have one entry a shape");
    }
    std::vector<int64_t> sizes;
    for (uint32_t i = 0; i < shapes.Length(); ++i) {
      Parameter& parameter = parameters_.emplace_back();
      parameter.shape = to_shape(shapes.Get(i), "shape");
      parameter.settings = settings.empty() ? ParameterSettings{1, optimizer_->weight_decay()} : settings[i];
      parameter.specs = optimizer_->states(parameter.shape);
      sizes.push_back(parameter.shape.size());
      for (const StateSpec& state : parameter.specs) {
        AlignedBuffer& buffer = parameter.states.emplace_back(state.shape.size());
        std::fill_n(buffer.data(), buffer.size(), state.initial);
        accounted_bytes_ += buffer.bytes();
      }
      if (clip_.kind != GradientClip::Kind::kNone) {
        parameter.clipped = AlignedBuffer(parameter.shape.size());
        accounted_bytes_ += parameter.clipped.bytes();
      }
    }
    if (clip_.by_norm()) norms_ = std::make_unique<GradientNorms>(sizes);
    Napi::MemoryManagement::AdjustExternalMemory(info.Env(), accounted_bytes_);
  });
}

void UpdaterWrap::Finalize(Napi::Env env) { Napi::MemoryManagement::AdjustExternalMemory(env, -accounted_bytes_); }

Napi::Value UpdaterWrap::state_names(const Napi::CallbackInfo& info) {
  Napi::Array names = Napi::Array::New(info.Env());
  if (parameters_.empty()) return names;
  for (const StateSpec& spec : parameters_.front().specs) names.Set(names.Length(), spec.name);
  return names;
}

UpdateArguments UpdaterWrap::arguments(Parameter& parameter, float** states, double learning_rate) const {
  for (size_t i = 0; i < parameter.states.size(); ++i) states[i] = parameter.states[i].data();
  return {.count = parameter.shape.size(),
          .weight = nullptr,
          .gradient = nullptr,
          .states = states,
          .step = steps_ + 1,
          .learning_rate = learning_rate * parameter.settings.rate_multiplier,
          .weight_decay = parameter.settings.weight_decay,
          .shape = parameter.shape};
}

void UpdaterWrap::clip(Team& team, std::vector<const float*>& gradients) {
  if (norms_) norms_->compute(team, gradients, clip_.norm);
  for (size_t p = 0; p < gradients.size(); ++p) {
    const float factor = norms_ ? static_cast<float>(norms_->factors(clip_)[p]) : 1;
    const float limit = clip_.by_value() ? static_cast<float>(clip_.limit) : INFINITY;
    float* clipped = parameters_[p].clipped.data();
    for (int64_t i = 0; i < parameters_[p].shape.size(); ++i) {
      clipped[i] = std::clamp(gradients[p][i] * factor, -limit, limit);
    }
    gradients[p] = clipped;
  }
}

Napi::Value UpdaterWrap::step(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (!info[0].IsArray() || !info[1].IsArray()) throw Error("INVALID_ARGUMENT", "expected lists of arrays");
    if (!info[2].IsUndefined() && !info[2].IsNumber()) throw Error("INVALID_ARGUMENT", "learningRate must be a number");
    const auto weights = info[0].As<Napi::Array>();
    const auto given = info[1].As<Napi::Array>();
    if (weights.Length() != parameters_.size() || given.Length() != parameters_.size()) {
      throw Error("SHAPE_MISMATCH", "expected " + std::to_string(parameters_.size()) + " parameters and gradients");
    }
    const double rate = info[2].IsNumber() ? info[2].As<Napi::Number>().DoubleValue() : optimizer_->learning_rate();
    std::vector<float*> weight_data;
    std::vector<const float*> gradients;
    int64_t total = 0;
    for (uint32_t i = 0; i < weights.Length(); ++i) {
      Napi::Float32Array weight = float_array(weights.Get(i), "parameter");
      const Napi::Float32Array gradient = float_array(given.Get(i), "gradient");
      const auto size = static_cast<size_t>(parameters_[i].shape.size());
      if (weight.ElementLength() != size || gradient.ElementLength() != size) {
        throw Error("SHAPE_MISMATCH", "parameter " + std::to_string(i) + " and its gradient must have " +
                                          std::to_string(size) + " values");
      }
      weight_data.push_back(weight.Data());
      gradients.push_back(gradient.Data());
      total += static_cast<int64_t>(size);
      const auto finite = [](float value) { return std::isfinite(value); };
      if (checks_gradients_ && !std::all_of(gradient.Data(), gradient.Data() + size, finite)) {
        throw Error("NOT_FINITE", "the gradient of parameter " + std::to_string(i) + " is not finite at step " +
                                      std::to_string(steps_ + 1) + "; nothing was changed");
      }
    }
    const auto update = [&](Team& team) {
      if (clip_.kind != GradientClip::Kind::kNone) clip(team, gradients);
      for (size_t p = 0; p < parameters_.size(); ++p) {
        std::array<float*, kMostStates> states{};
        UpdateArguments args = arguments(parameters_[p], states.data(), rate);
        args.weight = weight_data[p];
        args.gradient = gradients[p];
        update_whole(team, *optimizer_, args, parameters_[p].states.size());
      }
    };
    const int threads = choose_threads_of_update(threads_, total);
    team_.run(threads, update);
    ++steps_;
    return info.Env().Undefined();
  });
}

Napi::Value UpdaterWrap::get_state(const Napi::CallbackInfo& info) {
  Napi::Array result = Napi::Array::New(info.Env());
  for (const Parameter& parameter : parameters_) {
    Napi::Array row = Napi::Array::New(info.Env());
    for (const AlignedBuffer& state : parameter.states) {
      row.Set(row.Length(), copy_to_js(info.Env(), state.data(), static_cast<size_t>(state.size())));
    }
    result.Set(result.Length(), row);
  }
  return result;
}

Napi::Value UpdaterWrap::effective_rates(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const double rate = info[0].IsNumber() ? info[0].As<Napi::Number>().DoubleValue() : optimizer_->learning_rate();
    Napi::Array result = Napi::Array::New(info.Env());
    for (Parameter& parameter : parameters_) {
      std::array<float*, kMostStates> states{};
      auto rates = Napi::Float32Array::New(info.Env(), static_cast<size_t>(parameter.shape.size()));
      optimizer_->effective_rates(arguments(parameter, states.data(), rate), rates.Data());
      result.Set(result.Length(), rates);
    }
    return result;
  });
}

}  // namespace gradloom
