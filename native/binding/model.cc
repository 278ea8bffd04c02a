#include "binding/model.h"

#include <mutex>
#include <vector>

#include "binding/convert.h"
#include "binding/copy_operation.h"
#include "binding/errors.h"
#include "binding/js_loss.h"
#include "binding/promise_operation.h"
#include "common/error.h"
#include "kernels/work_sizes.h"
#include "training/inference/differentiate.h"
#include "training/inference/evaluation.h"
#include "training/threads/reading_lock.h"

namespace gradloom {
namespace {

constexpr napi_type_tag kModelTag = {0x6772'6164'6c6f'6f6dULL, 0x6d6f'6465'6c00'0001ULL};

class PredictOperation final : public PromiseOperation {
 public:
  PredictOperation(Napi::Env env, const ModelWrap& model, const Napi::Value& samples, const Napi::Value& options)
      : PromiseOperation(env, "gradloom.predict"),
        network_(model.network()),
        plans_(model.plans()),
        team_(Addon::of(env).spare_team()),
        samples_(samples, network_->architecture()),
        options_(to_pass_options(options)) {
    const int64_t size = checked_multiply(samples_.samples().count(), network_->architecture().output_shape().size());
    Napi::Float32Array outputs = Napi::Float32Array::New(env, static_cast<size_t>(size));
    data_ = outputs.Data();
    outputs_ = Napi::Persistent(outputs.As<Napi::Object>());
  }

 protected:
  void compute(const std::atomic<bool>& stop) override {
    gradloom::predict(*state_to_read(network_), *plans_, samples_.samples(), options_, stop, *team_, data_);
  }
  Napi::Value result(Napi::Env /*env*/) override { return outputs_.Value(); }

 private:
  std::shared_ptr<Network> network_;
  std::shared_ptr<PlanPool> plans_;
  std::shared_ptr<SpareTeam> team_;
  HeldSamples samples_;
  PassOptions options_;
  float* data_;
  Napi::ObjectReference outputs_;  // nobody else has it yet, so its memory stays where it is
};

class EvaluateOperation final : public PromiseOperation {
 public:
  EvaluateOperation(Napi::Env env, const ModelWrap& model, const Napi::Value& objective, const Napi::Value& samples,
                    const Napi::Value& options)
      : PromiseOperation(env, "gradloom.evaluate"),
        network_(model.network()),
        team_(Addon::of(env).spare_team()),
        loss_(make_loss_of(to_spec(to_object(objective, "objective").Get("loss")))),
        attached_(loss_.js, &channel(), to_object(objective, "objective").Get("lossFunction")),
        objective_(std::make_shared<Objective>(
            std::move(loss_.loss), to_spec_list(to_object(objective, "objective").Get("metrics"), "metrics"),
            network_->architecture().output_shape())),
        samples_(samples, network_->architecture()),
        options_(to_pass_options(options)) {
    if (samples_.samples().count() == 0) throw Error("INVALID_DATA", "evaluate: the dataset is empty");
    objective_->check_labels(samples_.samples());
  }

  void wake() override { attached_.stop(); }

 protected:
  void compute(const std::atomic<bool>& stop) override {
    // While a custom loss is computed on the JavaScript thread, that may want to set the weights: let it.
    const bool waits = objective_->loss().whole_batches();
    const std::shared_ptr<Network> network = waits ? network_->snapshot() : state_to_read(network_);
    const ArraySamples& samples = samples_.samples();
    const Architecture& architecture = network->architecture();
    const int64_t batch = std::min(options_.batch, samples.count());
    const int threads = choose_threads_of_call(options_.threads, forward_work(architecture, samples, batch),
                                               forward_work(architecture, samples, samples.count()));
    Evaluation evaluation(network, objective_, samples, {batch, threads});
    const auto run = [&](Team& team) { result_ = evaluation.run(team, stop).value_or(ObjectiveResult{}); };
    // Nor is the team kept from others meanwhile.
    waits ? CallTeam().run(threads, run) : team_->run(threads, run);
  }
  Napi::Value result(Napi::Env env) override { return from_result(env, result_); }

 private:
  std::shared_ptr<Network> network_;
  std::shared_ptr<SpareTeam> team_;
  MadeLoss loss_;
  AttachedLoss attached_;
  std::shared_ptr<const Objective> objective_;
  HeldSamples samples_;
  PassOptions options_;
  ObjectiveResult result_;
};

// The values of all parameters, in order.
std::vector<Napi::Float32Array> to_parameters(const Napi::Value& value, const Architecture& architecture) {
  const size_t count = architecture.parameters().size();
  if (!value.IsArray() || value.As<Napi::Array>().Length() != count) {
    throw Error("INVALID_ARGUMENT", "expected a list of " + std::to_string(count) + " parameters");
  }
  std::vector<Napi::Float32Array> values;
  for (size_t p = 0; p < count; ++p) {
    const auto& parameter = architecture.parameters()[p];
    values.push_back(float_array(value.As<Napi::Array>().Get(static_cast<uint32_t>(p)), parameter.name.c_str()));
    if (static_cast<int64_t>(values.back().ElementLength()) != parameter.shape.size()) {
      throw Error("SHAPE_MISMATCH", parameter.name + " has shape " + parameter.shape.to_string() + ", got " +
                                        std::to_string(values.back().ElementLength()) + " values");
    }
  }
  return values;
}

void import_parameters(Network& network, const std::vector<const float*>& values) {
  const std::unique_lock guard(network.lock());
  network.lend(nullptr);
  for (size_t p = 0; p < values.size(); ++p) {
    network.architecture().import_parameter(static_cast<int>(p), values[p], network.weights());
  }
}

class LoadOperation final : public PromiseOperation {
 public:
  LoadOperation(Napi::Env env, std::shared_ptr<Network> network, const Napi::Value& values)
      : PromiseOperation(env, "gradloom.load"), network_(std::move(network)) {
    for (const Napi::Float32Array& array : to_parameters(values, network_->architecture())) {
      values_.push_back(array.Data());
      held_.push_back(Napi::Persistent(array.As<Napi::Object>()));
    }
  }

 protected:
  void compute(const std::atomic<bool>& /*stop*/) override { import_parameters(*network_, values_); }
  Napi::Value result(Napi::Env env) override { return env.Undefined(); }

 private:
  std::shared_ptr<Network> network_;
  std::vector<const float*> values_;
  std::vector<Napi::ObjectReference> held_;
};

void check_parameter_count(const Architecture& architecture, int64_t most) {
  int64_t count = 0;
  for (const auto& parameter : architecture.parameters()) count += parameter.shape.size();
  if (count > most) {
    throw Error("SHAPE_MISMATCH", "the architecture has " + std::to_string(count) + " parameters, at most " +
                                      std::to_string(most) + " are expected");
  }
}

// `inputs`, a list of { name, shape }, or the `inputShape` of the only one.
NetworkInputs to_inputs(const Napi::Object& spec) {
  const Napi::Value given = spec.Get("inputs");
  if (given.IsUndefined()) return {{{"input", to_shape(spec.Get("inputShape"), "inputShape")}}};
  if (!given.IsArray() || given.As<Napi::Array>().Length() == 0) {
    throw Error("INVALID_ARGUMENT", "inputs must be a list of at least one input");
  }
  NetworkInputs inputs;
  for (uint32_t i = 0; i < given.As<Napi::Array>().Length(); ++i) {
    const Napi::Object input = to_object(given.As<Napi::Array>().Get(i), "inputs");
    inputs.list.push_back({string_property(input, "name"), to_shape(input.Get("shape"), "shape")});
  }
  return inputs;
}

}  // namespace

Napi::Function ModelWrap::define(Napi::Env env) {
  return DefineClass(
      env, "NativeModel",
      {InstanceAccessor<&ModelWrap::layers>("layers"), InstanceAccessor<&ModelWrap::output_shape>("outputShape"),
       InstanceAccessor<&ModelWrap::input_forms>("inputForms"), InstanceAccessor<&ModelWrap::parameters>("parameters"),
       InstanceMethod<&ModelWrap::get_parameters>("getParameters"),
       InstanceMethod<&ModelWrap::set_parameters>("setParameters"),
       InstanceMethod<&ModelWrap::copy_parameters>("copyParameters"),
       InstanceMethod<&ModelWrap::load_parameters>("loadParameters"), InstanceMethod<&ModelWrap::plan>("plan"),
       InstanceMethod<&ModelWrap::predict_sync>("predictSync"), InstanceMethod<&ModelWrap::predict>("predict"),
       InstanceMethod<&ModelWrap::differentiate>("differentiate"), InstanceMethod<&ModelWrap::dispose>("dispose")});
}

ModelWrap& ModelWrap::unwrap(const Napi::Value& value) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kModelTag)) {
    throw Error("INVALID_ARGUMENT", "expected a native model");
  }
  return *Unwrap(value.As<Napi::Object>());
}

std::shared_ptr<Network> state_to_read(const std::shared_ptr<Network>& network) {
  return network->training() ? network->snapshot() : network;
}

ModelWrap::ModelWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ModelWrap>(info) {
  guarded(info.Env(), [&] {
    const Napi::Object spec = to_object(info[0], "spec");
    auto architecture =
        std::make_shared<const Architecture>(to_inputs(spec), to_spec_list(spec.Get("layers"), "layers"));
    if (architecture->layers().empty()) throw Error("INVALID_SPEC", "a model needs at least one layer");
    if (!spec.Get("maxParameters").IsUndefined()) {
      check_parameter_count(*architecture, integer_property(spec, "maxParameters", 0));
    }
    network_ = spec.Get("seed").IsUndefined() ? std::make_shared<Network>(std::move(architecture))
                                              : std::make_shared<Network>(std::move(architecture), seed_property(spec));
    info.This().As<Napi::Object>().TypeTag(&kModelTag);
    accounted_bytes_ = network_->architecture().weights_size() * static_cast<int64_t>(sizeof(float));
    Napi::MemoryManagement::AdjustExternalMemory(info.Env(), accounted_bytes_);
  });
}

void ModelWrap::Finalize(Napi::Env env) { Napi::MemoryManagement::AdjustExternalMemory(env, -accounted_bytes_); }

const std::shared_ptr<Network>& ModelWrap::network() const {
  if (network_ == nullptr) throw Error("MODEL_DISPOSED", "this model has been disposed of");
  return network_;
}

Napi::Value ModelWrap::dispose(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (network_ == nullptr) return info.Env().Undefined();
    if (network_->training()) throw Error("MODEL_BUSY", "dispose while the model trains; stop the run first");
    // Predictions under way and trainers hold shares of their own.
    network_.reset();
    plans_ = std::make_shared<PlanPool>();
    Finalize(info.Env());
    accounted_bytes_ = 0;
    return info.Env().Undefined();
  });
}

Napi::Value ModelWrap::layers(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Napi::Array rows = Napi::Array::New(info.Env());
    const Architecture& architecture = network()->architecture();
    for (size_t i = 0; i < architecture.layers().size(); ++i) {
      const auto& layer = architecture.layers()[i];
      int64_t parameters = 0;
      int64_t trained = 0;
      for (const ParameterSpec& parameter : layer->parameters()) {
        if (architecture.shares(static_cast<int>(i))) break;  // counted where they are kept
        parameters += parameter.shape.size();
        if (parameter.role == ParameterRole::kTrained) trained += parameter.shape.size();
      }
      Napi::Object row = Napi::Object::New(info.Env());
      row.Set("name", layer->name());
      row.Set("kind", layer->kind());
      row.Set("outputShape", from_shape(info.Env(), layer->output_shape()));
      row.Set("parameterCount", static_cast<double>(parameters));
      row.Set("trainableCount", static_cast<double>(trained));
      row.Set("flops", static_cast<double>(layer->flops()));
      rows.Set(rows.Length(), row);
    }
    return rows;
  });
}

Napi::Value ModelWrap::output_shape(const Napi::CallbackInfo& info) {
  return guarded(info.Env(),
                 [&]() -> Napi::Value { return from_shape(info.Env(), network()->architecture().output_shape()); });
}

Napi::Value ModelWrap::input_forms(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Napi::Array forms = Napi::Array::New(info.Env());
    for (const NetworkInput& input : network()->architecture().inputs()) {
      const InputForm form = input.form;
      const char* name = form == InputForm::kIds ? "ids" : form == InputForm::kSparse ? "sparse" : "floats";
      forms.Set(forms.Length(), Napi::String::New(info.Env(), name));
    }
    return forms;
  });
}

Napi::Value ModelWrap::parameters(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Napi::Array rows = Napi::Array::New(info.Env());
    for (const auto& parameter : network()->architecture().parameters()) {
      Napi::Object row = Napi::Object::New(info.Env());
      row.Set("name", parameter.name);
      row.Set("shape", from_shape(info.Env(), parameter.shape));
      rows.Set(rows.Length(), row);
    }
    return rows;
  });
}

Napi::Value ModelWrap::get_parameters(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Architecture& architecture = network()->architecture();
    Napi::Array values = Napi::Array::New(info.Env());
    const ReadingLock guard(*network());
    for (size_t p = 0; p < architecture.parameters().size(); ++p) {
      const auto size = static_cast<size_t>(architecture.parameters()[p].shape.size());
      Napi::Float32Array array = Napi::Float32Array::New(info.Env(), size);
      architecture.export_parameter(static_cast<int>(p), network()->weights(), array.Data());
      values.Set(static_cast<uint32_t>(p), array);
    }
    return values;
  });
}

Napi::Value ModelWrap::set_parameters(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    std::vector<const float*> values;
    for (const Napi::Float32Array& array : to_parameters(info[0], network()->architecture())) {
      values.push_back(array.Data());
    }
    if (network()->training())
      throw Error("MODEL_BUSY", "weights cannot be set while the model trains; stop the run first");
    import_parameters(*network(), values);
    return info.Env().Undefined();
  });
}

Napi::Value ModelWrap::copy_parameters(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    return start_promise(info.Env(), std::make_unique<CopyOperation>(info.Env(), network(), nullptr));
  });
}

Napi::Value ModelWrap::load_parameters(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    return start_promise(info.Env(), std::make_unique<LoadOperation>(info.Env(), network(), info[0]));
  });
}

Napi::Value ModelWrap::plan(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Napi::Env env = info.Env();
    const int64_t batch = to_integer(info[0], "batchSize", 1);
    const bool training = info[1].ToString().Utf8Value() == "train";
    const Architecture& architecture = network()->architecture();
    const int threads = choose_threads(
        to_threads(info[2]), batch * (training ? architecture.training_flops() : architecture.forward_flops()));
    const Plan plan(network()->shared_architecture(),
                    {batch, training ? Phase::kTraining : Phase::kPredicting, threads});
    constexpr auto kBytes = static_cast<double>(sizeof(float));
    Napi::Array rows = Napi::Array::New(env);
    for (size_t i = 0; i < architecture.layers().size(); ++i) {
      const Layer& layer = *architecture.layers()[i];
      const Plan::Row row = plan.describe(static_cast<int>(i));
      Napi::Object object = Napi::Object::New(env);
      object.Set("name", layer.name());
      object.Set("kind", layer.kind());
      object.Set("kernel", row.kernel);
      object.Set("layout", layout_name(row.layout));
      object.Set("activationBytes", static_cast<double>(row.activation) * kBytes);
      object.Set("savedBytes", static_cast<double>(row.saved) * kBytes);
      object.Set("scratchBytes", static_cast<double>(row.scratch) * kBytes);
      object.Set("flops", static_cast<double>(
                              batch * (training ? architecture.training_flops(static_cast<int>(i)) : layer.flops())));
      rows.Set(rows.Length(), object);
    }
    Napi::Object result = Napi::Object::New(env);
    result.Set("batchSize", static_cast<double>(batch));
    result.Set("threads", threads);
    result.Set("workspaceBytes", static_cast<double>(plan.workspace_floats()) * kBytes);
    result.Set("unsharedBytes", static_cast<double>(plan.unshared_floats()) * kBytes);
    result.Set("layers", rows);
    return result;
  });
}

Napi::Value ModelWrap::predict_sync(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (network()->training()) {
      throw Error("MODEL_BUSY",
                  "predictSync would block the event loop while the model trains; use await predict(...)");
    }
    const HeldSamples held(info[0], network()->architecture(), HeldSamples::Use::kWithinCall);
    const PassOptions options = to_pass_options(info[1]);
    const int64_t size = checked_multiply(held.samples().count(), network()->architecture().output_shape().size());
    Napi::Float32Array outputs = Napi::Float32Array::New(info.Env(), static_cast<size_t>(size));
    predict_now(*network(), *plans_, held.samples(), options, Addon::of(info.Env()).team(), call_threads_,
                outputs.Data());
    return outputs;
  });
}

Napi::Value ModelWrap::predict(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    return start_promise(info.Env(), std::make_unique<PredictOperation>(info.Env(), *this, info[0], info[1]));
  });
}

Napi::Value ModelWrap::differentiate(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Napi::Env env = info.Env();
    const Architecture& architecture = network()->architecture();
    const HeldSamples held(info[0], architecture);
    const Napi::Float32Array output_gradient = float_array(info[1], "outputGradient");
    const Napi::Object options = to_object(info[2], "options");
    const int64_t batch = held.samples().count();
    if (batch < 1 ||
        static_cast<int64_t>(output_gradient.ElementLength()) != batch * architecture.output_shape().size()) {
      throw Error("SHAPE_MISMATCH", "samples and outputGradient must hold as many samples, at least 1, of shapes " +
                                        architecture.input_shape().to_string() + " and " +
                                        architecture.output_shape().to_string());
    }
    const int threads = choose_threads(to_threads(options.Get("threads")), batch * architecture.training_flops());
    const Differentiation d =
        gradloom::differentiate(*network(), held.samples(), output_gradient.Data(), threads,
                                {seed_property(options), static_cast<uint64_t>(integer_property(options, "step", 0))});
    Napi::Object result = Napi::Object::New(env);
    result.Set("output", copy_to_js(env, d.output.data(), d.output.size()));
    result.Set("inputGradient", copy_to_js(env, d.input_gradients[0].data(), d.input_gradients[0].size()));
    Napi::Array gradients = Napi::Array::New(env);
    for (const auto& gradient : d.parameter_gradients) {
      gradients.Set(gradients.Length(), copy_to_js(env, gradient.data(), gradient.size()));
    }
    result.Set("parameterGradients", gradients);
    return result;
  });
}

Napi::Value evaluate(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    return start_promise(info.Env(), std::make_unique<EvaluateOperation>(info.Env(), ModelWrap::unwrap(info[0]),
                                                                         info[1], info[2], info[3]));
  });
}

}  // namespace gradloom
