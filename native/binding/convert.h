// From JavaScript values to those of the core and back.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <napi.h>
#include "binding/held_memory.h"
#include "common/shape.h"
#include "common/spec.h"
#include "datasets/array_samples.h"
#include "training/inference/predict.h"
#include "training/network/network.h"
#include "training/run/learner.h"
#include "training/run/objective.h"
#include "training/step/gradient_clip.h"

namespace gradloom {

Spec to_spec(const Napi::Value& value);
Spec::List to_spec_list(const Napi::Value& value, const char* name);

// Properties of an options object; each throws INVALID_ARGUMENT with the property's name when it is of another type.
Napi::Object to_object(const Napi::Value& value, const char* name);
int64_t to_integer(const Napi::Value& value, const char* name, int64_t minimum);
int64_t integer_property(const Napi::Object& object, const char* name, int64_t minimum);
// 0 (all available) to 1024.
int to_threads(const Napi::Value& value);
double to_number(const Napi::Value& value, const char* name);
double number_property(const Napi::Object& object, const char* name);
std::string string_property(const Napi::Object& object, const char* name);
uint64_t seed_property(const Napi::Object& object);
// NativeClip of lib/native; undefined: none.
GradientClip to_clip(const Napi::Value& value);
// How the optimizer treats each parameter; undefined: an empty list.
std::vector<ParameterSettings> to_parameter_settings(const Napi::Value& value);
Shape to_shape(const Napi::Value& value, const char* name);
Napi::Array from_shape(Napi::Env env, const Shape& shape);

Napi::Float32Array float_array(const Napi::Value& value, const char* name);
Napi::Int32Array int_array(const Napi::Value& value, const char* name);
Napi::Float32Array copy_to_js(Napi::Env env, const float* values, size_t count);
Napi::Int32Array copy_to_js(Napi::Env env, const int32_t* values, size_t count);

PassOptions to_pass_options(const Napi::Value& value);
Napi::Object from_samples(Napi::Env env, const KeptSamples& samples);
Napi::Object from_result(Napi::Env env, const ObjectiveResult& result);

// Samples whose memory belongs to JavaScript, which is kept from collecting it as long as this lives. To be made and
// destroyed on the JavaScript thread.
class HeldSamples {
 public:
  // A call during which no JavaScript runs has its arguments anyhow: to hold them would only take time.
  enum class Use { kBeyondCall, kWithinCall };

  // Checks the samples against what a network of this architecture reads.
  HeldSamples(const Napi::Value& value, const Architecture& architecture, Use use = Use::kBeyondCall);
  const ArraySamples& samples() const { return samples_; }

 private:
  ArraySamples read(const Napi::Object& samples, const Architecture& architecture);
  std::vector<InputColumn> read_inputs(const Napi::Object& samples, const Architecture& architecture);
  InputArray describe_inputs(const Napi::Value& value);
  SetDescription describe_set(const Napi::Object& samples, int64_t rows);
  void hold(const Napi::Object& object) {
    if (use_ == Use::kBeyondCall) held_.push_back(Napi::Persistent(object));
  }

  Use use_;
  std::vector<Napi::ObjectReference> held_;
  std::vector<HeldMemory> memory_;  // of inputs that may be borrowed
  ArraySamples samples_;
};

}  // namespace gradloom
