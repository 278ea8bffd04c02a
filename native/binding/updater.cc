#include "binding/updater.h"

#include <algorithm>
#include <string>

#include "binding/convert.h"
#include "binding/errors.h"
#include "common/error.h"

namespace gradloom {

Napi::Function UpdaterWrap::define(Napi::Env env) {
  return DefineClass(env, "NativeUpdater",
                     {InstanceAccessor<&UpdaterWrap::state_names>("stateNames"),
                      InstanceMethod<&UpdaterWrap::step>("step"), InstanceMethod<&UpdaterWrap::get_state>("getState")});
}

UpdaterWrap::UpdaterWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<UpdaterWrap>(info) {
  guarded(info.Env(), [&] {
    optimizer_ = make_optimizer(to_spec(info[0]));
    if (!info[1].IsArray()) throw Error("INVALID_ARGUMENT", "sizes must be a list");
    const auto sizes = info[1].As<Napi::Array>();
    for (uint32_t i = 0; i < sizes.Length(); ++i) {
      auto& states = states_.emplace_back();
      for (const StateSpec& spec : optimizer_->states()) {
        states.emplace_back(to_integer(sizes.Get(i), "size", 0));
        std::fill_n(states.back().data(), states.back().size(), spec.initial);
      }
    }
  });
}

Napi::Value UpdaterWrap::state_names(const Napi::CallbackInfo& info) {
  Napi::Array names = Napi::Array::New(info.Env());
  for (const StateSpec& spec : optimizer_->states()) names.Set(names.Length(), spec.name);
  return names;
}

Napi::Value UpdaterWrap::step(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (!info[0].IsArray() || !info[1].IsArray()) throw Error("INVALID_ARGUMENT", "expected lists of arrays");
    const auto parameters = info[0].As<Napi::Array>();
    const auto gradients = info[1].As<Napi::Array>();
    if (parameters.Length() != states_.size() || gradients.Length() != states_.size()) {
      throw Error("SHAPE_MISMATCH", "expected " + std::to_string(states_.size()) + " parameters and gradients");
    }
    std::vector<UpdateArguments> updates;
    std::vector<std::vector<float*>> states(states_.size());
    for (uint32_t i = 0; i < parameters.Length(); ++i) {
      Napi::Float32Array weight = float_array(parameters.Get(i), "parameter");
      const Napi::Float32Array gradient = float_array(gradients.Get(i), "gradient");
      if (weight.ElementLength() != gradient.ElementLength()) {
        throw Error("SHAPE_MISMATCH", "parameter " + std::to_string(i) + " and its gradient differ in length");
      }
      for (AlignedBuffer& state : states_[i]) {
        if (state.size() != static_cast<int64_t>(weight.ElementLength())) {
          throw Error("SHAPE_MISMATCH", "parameter " + std::to_string(i) + " has another size than it began with");
        }
        states[i].push_back(state.data());
      }
      updates.push_back(
          {static_cast<int64_t>(weight.ElementLength()), weight.Data(), gradient.Data(), states[i].data(), steps_ + 1});
    }
    for (const UpdateArguments& args : updates) optimizer_->update(args);
    ++steps_;
    return info.Env().Undefined();
  });
}

Napi::Value UpdaterWrap::get_state(const Napi::CallbackInfo& info) {
  Napi::Array result = Napi::Array::New(info.Env());
  for (const auto& states : states_) {
    Napi::Array row = Napi::Array::New(info.Env());
    for (const AlignedBuffer& state : states) {
      row.Set(row.Length(), copy_to_js(info.Env(), state.data(), static_cast<size_t>(state.size())));
    }
    result.Set(result.Length(), row);
  }
  return result;
}

}  // namespace gradloom
