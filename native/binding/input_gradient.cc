#include "binding/input_gradient.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "binding/convert.h"
#include "binding/model.h"
#include "binding/promise_operation.h"
#include "common/checked.h"
#include "common/error.h"
#include "training/inference/input_gradient.h"

namespace gradloom {
namespace {

// Places of outputs as an Int32Array, one a sample, or the spec of a loss.
Differentiand to_differentiand(const Napi::Value& value, const Architecture& architecture,
                               const ArraySamples& samples) {
  const Shape& outputs = architecture.output_shape();
  if (!value.IsTypedArray()) {
    auto objective = std::make_shared<const Objective>(to_spec(value), Spec::List{}, outputs);
    objective->check_labels(samples);
    return {{}, std::move(objective)};
  }
  const Napi::Int32Array places = int_array(value, "places");
  if (static_cast<int64_t>(places.ElementLength()) != samples.count()) {
    throw Error("INVALID_ARGUMENT", "places must have one output a sample");
  }
  Differentiand differentiand{{places.Data(), places.Data() + places.ElementLength()}, nullptr};
  for (const int64_t place : differentiand.outputs) {
    if (place < 0 || place >= outputs.size()) {
      throw Error("INVALID_ARGUMENT", "the outputs " + outputs.to_string() + " have no place " + std::to_string(place));
    }
  }
  return differentiand;
}

class InputGradientOperation final : public PromiseOperation {
 public:
  InputGradientOperation(Napi::Env env, const ModelWrap& model, const Napi::Value& samples,
                         const Napi::Value& differentiand, const Napi::Value& options)
      : PromiseOperation(env, "gradloom.inputGradient"),
        network_(model.network()),
        samples_(samples, network_->architecture()),
        differentiand_(to_differentiand(differentiand, network_->architecture(), samples_.samples())),
        options_(to_pass_options(options)) {
    const auto& inputs = network_->architecture().inputs();
    if (std::ranges::all_of(inputs, [](const auto& input) { return input.form == InputForm::kIds; })) {
      throw Error("INVALID_OPTION",
                  "gradient: the model reads ids, which have no gradient; use the weights of its tables");
    }
    const int64_t count = samples_.samples().count();
    Napi::Float32Array values = Napi::Float32Array::New(env, static_cast<size_t>(count));
    values_ = values.Data();
    Napi::Array gradients = Napi::Array::New(env);
    for (size_t k = 0; k < inputs.size(); ++k) gradients.Set(gradients.Length(), make_target(env, inputs[k], k));
    Napi::Object result = Napi::Object::New(env);
    result.Set("values", values);
    result.Set("gradients", gradients);
    result_ = Napi::Persistent(result);
  }

 protected:
  void compute(const std::atomic<bool>& stop) override {
    gradloom::input_gradient(*state_to_read(network_), samples_.samples(), differentiand_, options_, stop, values_,
                             targets_);
  }
  Napi::Value result(Napi::Env /*env*/) override { return result_.Value(); }

 private:
  // What JavaScript gets of an input, whose memory becomes its target.
  Napi::Value make_target(Napi::Env env, const NetworkInput& input, size_t number) {
    targets_.emplace_back();
    if (input.form == InputForm::kIds) return env.Null();
    const ArraySamples& samples = samples_.samples();
    const bool sparse = input.form == InputForm::kSparse;
    const int64_t size =
        sparse ? samples.entries(static_cast<int>(number)) : checked_multiply(samples.count(), input.shape.size());
    Napi::Float32Array data = Napi::Float32Array::New(env, static_cast<size_t>(size));
    targets_.back().gradients = data.Data();
    Napi::Object target = Napi::Object::New(env);
    target.Set("data", data);
    if (!sparse) return target;
    Napi::Uint32Array offsets = Napi::Uint32Array::New(env, static_cast<size_t>(samples.count()) + 1);
    targets_.back().offsets = offsets.Data();
    target.Set("offsets", offsets);
    return target;
  }

  std::shared_ptr<Network> network_;
  HeldSamples samples_;
  Differentiand differentiand_;
  PassOptions options_;
  float* values_;
  std::vector<InputGradientTarget> targets_;
  Napi::ObjectReference result_;  // nobody else has it yet, so its memory stays where it is
};

}  // namespace

Napi::Value input_gradient(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    return start_promise(info.Env(), std::make_unique<InputGradientOperation>(info.Env(), ModelWrap::unwrap(info[0]),
                                                                              info[1], info[2], info[3]));
  });
}

}  // namespace gradloom
