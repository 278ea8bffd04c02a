#include "binding/addon.h"

#include <array>
#include <memory>

#include "binding/convert.h"
#include "binding/errors.h"
#include "binding/folder_lock.h"
#include "binding/input_gradient.h"
#include "binding/machine_limits.h"
#include "binding/mapped_rows.h"
#include "binding/model.h"
#include "binding/run.h"
#include "binding/trainer.h"
#include "binding/updater.h"
#include "binding/word_vectors.h"
#include "common/aligned_buffer.h"
#include "common/error.h"
#include "common/parallel.h"
#include "common/random.h"
#include "kernels/gemm/gemm.h"
#include "kernels/machine/simd_target.h"
#include "kernels/vectors/vectors.h"
#include "training/run/objective.h"

namespace gradloom {
namespace {

Napi::Value info(const Napi::CallbackInfo& call) {
  Napi::Object result = Napi::Object::New(call.Env());
  result.Set("version", GRADLOOM_VERSION);
  result.Set("blas", blas_description());
  result.Set("simdTarget", simd_target());
  result.Set("compiler", __VERSION__);
  result.Set("defaultThreads", resolve_threads(0));
  result.Set("allocatedBytes", static_cast<double>(AlignedBuffer::allocated_bytes()));
  result.Set("liveThreads", Job::live_count());
  return result;
}

Napi::Value compute_loss(const Napi::CallbackInfo& call) {
  return guarded(call.Env(), [&]() -> Napi::Value {
    const Napi::Env env = call.Env();
    const Napi::Float32Array outputs = float_array(call[1], "outputs");
    const Shape shape = to_shape(call[2], "outputShape");
    auto objective = std::make_shared<const Objective>(to_spec(call[0]), Spec::List{}, shape);
    const auto length = static_cast<int64_t>(outputs.ElementLength());
    const int64_t batch = length / shape.size();
    if (batch < 1 || length % shape.size() != 0) throw Error("SHAPE_MISMATCH", "outputs must hold whole samples");
    if (!call[3].IsTypedArray()) throw Error("INVALID_ARGUMENT", "labels must be a typed array");
    const auto labels = call[3].As<Napi::TypedArray>();
    const bool classes = objective->loss().target_kind() == TargetKind::kClass;
    if (labels.TypedArrayType() != (classes ? napi_int32_array : napi_float32_array) ||
        static_cast<int64_t>(labels.ElementLength()) != (classes ? batch : length)) {
      throw Error("SHAPE_MISMATCH", classes ? "labels must be an Int32Array with one class a sample"
                                            : "labels must be a Float32Array of the outputs' length");
    }
    const float* weights = nullptr;
    if (!call[4].IsUndefined()) {
      const Napi::Float32Array given = float_array(call[4], "sampleWeights");
      if (static_cast<int64_t>(given.ElementLength()) != batch) {
        throw Error("SHAPE_MISMATCH", "sampleWeights must have one weight a sample");
      }
      weights = given.Data();
    }
    BatchObjective objective_of_batch(objective, batch);
    if (classes) {
      const auto* indices = labels.As<Napi::Int32Array>().Data();
      for (int64_t i = 0; i < batch; ++i) {
        if (indices[i] != objective->loss().ignored_class() && (indices[i] < 0 || indices[i] >= shape.size())) {
          throw Error("LABEL_OUT_OF_RANGE", "sample " + std::to_string(i) + " has class " + std::to_string(indices[i]));
        }
      }
      objective_of_batch.set_targets({indices, nullptr, weights});
    } else {
      objective_of_batch.set_targets({nullptr, labels.As<Napi::Float32Array>().Data(), weights});
    }
    Napi::Float32Array gradient = Napi::Float32Array::New(env, static_cast<size_t>(length));
    double value = 0;
    Team::run(1, [&](Team& team) { value = objective_of_batch.compute(team, outputs.Data(), gradient.Data()); });
    Napi::Object result = Napi::Object::New(env);
    result.Set("value", value);
    result.Set("gradient", gradient);
    return result;
  });
}

template <size_t kSize>
std::array<uint32_t, kSize> words(const Napi::Value& value, const char* name) {
  std::array<uint32_t, kSize> result{};
  const Napi::Object list = to_object(value, name);
  for (uint32_t i = 0; i < kSize; ++i) result[i] = list.Get(i).ToNumber().Uint32Value();
  return result;
}

Napi::Value philox_block(const Napi::CallbackInfo& call) {
  return guarded(call.Env(), [&]() -> Napi::Value {
    const PhiloxBlock block = philox(words<4>(call[0], "counter"), words<2>(call[1], "key"));
    Napi::Uint32Array result = Napi::Uint32Array::New(call.Env(), block.size());
    std::copy(block.begin(), block.end(), result.Data());
    return result;
  });
}

}  // namespace

Addon::Addon(Napi::Env env, Napi::Object exports)
    : operations_(env),
      run_constructor_(Napi::Persistent(RunWrap::define(env))),
      mapped_rows_constructor_(Napi::Persistent(MappedRowsWrap::define(env))) {
  exports.Set("Model", ModelWrap::define(env));
  exports.Set("Trainer", TrainerWrap::define(env));
  exports.Set("Updater", UpdaterWrap::define(env));
  exports.Set("Glove", GloveWrap::define(env));
  exports.Set("countCooccurrences", Napi::Function::New(env, start_counting));
  exports.Set("WordTrainer", WordTrainerWrap::define(env));
  exports.Set("MappedRows", mapped_rows_constructor_.Value());
  exports.Set("FolderLock", FolderLockWrap::define(env));
  exports.Set("info", Napi::Function::New(env, info));
  exports.Set("chooseSimdTarget", Napi::Function::New(env, [](const Napi::CallbackInfo& call) {
                guarded(call.Env(), [&] { choose_simd_target(call[0].ToString().Utf8Value()); });
              }));
  exports.Set("canHoldMemory", Napi::Function::New(env, [](const Napi::CallbackInfo& call) -> Napi::Value {
                return Napi::Boolean::New(call.Env(), can_hold_memory());
              }));
  exports.Set("areFinite", Napi::Function::New(env, [](const Napi::CallbackInfo& call) -> Napi::Value {
                return guarded(call.Env(), [&]() -> Napi::Value {
                  const Napi::Float32Array values = float_array(call[0], "values");
                  return Napi::Boolean::New(call.Env(),
                                            all_finite(values.Data(), static_cast<int64_t>(values.ElementLength())));
                });
              }));
  exports.Set("evaluate", Napi::Function::New(env, evaluate));
  exports.Set("inputGradient", Napi::Function::New(env, input_gradient));
  exports.Set("computeLoss", Napi::Function::New(env, compute_loss));
  exports.Set("machineLimits", Napi::Function::New(env, machine_limits));
  exports.Set("philox", Napi::Function::New(env, philox_block));
}

}  // namespace gradloom

static Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new gradloom::Addon(env, exports));  // deleted with the environment
  return exports;
}

NODE_API_MODULE(gradloom, initialize)
