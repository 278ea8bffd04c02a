#include "binding/convert.h"

#include <algorithm>
#include <cmath>

#include "binding/addon.h"
#include "binding/mapped_rows.h"
#include "common/error.h"

namespace gradloom {
namespace {

[[noreturn]] void fail(const char* name, const std::string& expected) {
  throw Error("INVALID_ARGUMENT", std::string(name) + " must be " + expected);
}

std::vector<float> float_period(const Napi::Object& object, const char* name) {
  const Napi::Float32Array array = float_array(object.Get(name), name);
  return {array.Data(), array.Data() + array.ElementLength()};
}

Napi::TypedArray typed_array(const Napi::Value& value, const char* name) {
  if (!value.IsTypedArray()) fail(name, "a typed array");
  const auto array = value.As<Napi::TypedArray>();
  if (array.ElementLength() > 0 && array.ArrayBuffer().IsDetached()) fail(name, "a typed array that is not detached");
  return array;
}

const void* data_of(const Napi::TypedArray& array) {
  return static_cast<const uint8_t*>(array.ArrayBuffer().Data()) + array.ByteOffset();
}

}  // namespace

Spec to_spec(const Napi::Value& value) {
  if (value.IsNull()) return {};
  if (value.IsBoolean()) return value.As<Napi::Boolean>().Value();
  if (value.IsNumber()) return value.As<Napi::Number>().DoubleValue();
  if (value.IsString()) return value.As<Napi::String>().Utf8Value();
  if (value.IsArray()) {
    const auto array = value.As<Napi::Array>();
    Spec::List list;
    for (uint32_t i = 0; i < array.Length(); ++i) list.push_back(to_spec(array.Get(i)));
    return list;
  }
  if (value.IsTypedArray()) {
    const Napi::Float32Array array = float_array(value, "an array in a spec");
    return std::make_shared<const std::vector<float>>(array.Data(), array.Data() + array.ElementLength());
  }
  if (value.IsObject()) {
    const auto object = value.As<Napi::Object>();
    const Napi::Array names = object.GetPropertyNames();
    Spec::Object fields;
    for (uint32_t i = 0; i < names.Length(); ++i) {
      const Napi::Value name = names.Get(i);
      const Napi::Value field = object.Get(name);
      if (!field.IsUndefined()) fields.emplace(name.ToString().Utf8Value(), to_spec(field));
    }
    return fields;
  }
  throw Error("INVALID_SPEC",
              "a spec holds null, booleans, numbers, strings, lists, objects and arrays of floats only");
}

Spec::List to_spec_list(const Napi::Value& value, const char* name) {
  if (!value.IsArray()) fail(name, "a list");
  const auto array = value.As<Napi::Array>();
  Spec::List list;
  for (uint32_t i = 0; i < array.Length(); ++i) list.push_back(to_spec(array.Get(i)));
  return list;
}

Napi::Object to_object(const Napi::Value& value, const char* name) {
  if (!value.IsObject()) fail(name, "an object");
  return value.As<Napi::Object>();
}

int64_t to_integer(const Napi::Value& value, const char* name, int64_t minimum) {
  constexpr double kLargest = 9007199254740991.0;  // 2^53 - 1
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  if (!(std::floor(number) == number) || number < static_cast<double>(minimum) || number > kLargest) {
    fail(name, "an integer of at least " + std::to_string(minimum));
  }
  return static_cast<int64_t>(number);
}

int to_threads(const Napi::Value& value) {
  constexpr int64_t kMost = 1024;
  const int64_t threads = to_integer(value, "threads", 0);
  if (threads > kMost) fail("threads", "at most " + std::to_string(kMost));
  return static_cast<int>(threads);
}

double to_number(const Napi::Value& value, const char* name) {
  if (!value.IsNumber()) fail(name, "a number");
  return value.As<Napi::Number>().DoubleValue();
}

double number_property(const Napi::Object& object, const char* name) { return to_number(object.Get(name), name); }

int64_t integer_property(const Napi::Object& object, const char* name, int64_t minimum) {
  return to_integer(object.Get(name), name, minimum);
}

std::string string_property(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  if (!value.IsString()) fail(name, "a string");
  return value.As<Napi::String>().Utf8Value();
}

uint64_t seed_property(const Napi::Object& object) {
  return static_cast<uint64_t>(integer_property(object, "seed", 0));
}

GradientClip to_clip(const Napi::Value& value) {
  if (value.IsUndefined()) return {};
  using Kind = GradientClip::Kind;
  using Norm = GradientClip::Norm;
  const Napi::Object clip = to_object(value, "clipGradients");
  const std::string by = string_property(clip, "by");
  const std::string norm = string_property(clip, "norm");
  if (by != "globalNorm" && by != "norm" && by != "value") fail("by", "\"globalNorm\", \"norm\" or \"value\"");
  if (norm != "euclidean" && norm != "maximum") fail("norm", "\"euclidean\" or \"maximum\"");
  return {.kind = by == "value"  ? Kind::kValue
                  : by == "norm" ? Kind::kNorm
                                 : Kind::kGlobalNorm,
          .limit = number_property(clip, "limit"),
          .norm = norm == "maximum" ? Norm::kMaximum : Norm::kEuclidean};
}

std::vector<ParameterSettings> to_parameter_settings(const Napi::Value& given) {
  std::vector<ParameterSettings> settings;
  if (given.IsUndefined()) return settings;
  if (!given.IsArray()) throw Error("INVALID_ARGUMENT", "parameters must be a list");
  const auto list = given.As<Napi::Array>();
  for (uint32_t i = 0; i < list.Length(); ++i) {
    const Napi::Object entry = to_object(list.Get(i), "parameter");
    settings.push_back(
        {.rate_multiplier = number_property(entry, "learningRateMultiplier"),
         .weight_decay = static_cast<float>(number_property(entry, "weightDecay")),
         .optimizer = entry.Has("optimizer") ? static_cast<size_t>(integer_property(entry, "optimizer", 0)) : 0});
  }
  return settings;
}

Shape to_shape(const Napi::Value& value, const char* name) {
  if (!value.IsArray()) fail(name, "a list of sizes");
  const auto array = value.As<Napi::Array>();
  std::vector<int64_t> dims;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    dims.push_back(to_integer(array.Get(i), name, 1));
  }
  return Shape(dims);
}

Napi::Array from_shape(Napi::Env env, const Shape& shape) {
  Napi::Array array = Napi::Array::New(env, static_cast<size_t>(shape.rank()));
  for (int axis = 0; axis < shape.rank(); ++axis) {
    array.Set(static_cast<uint32_t>(axis), static_cast<double>(shape[axis]));
  }
  return array;
}

Napi::Float32Array float_array(const Napi::Value& value, const char* name) {
  const Napi::TypedArray array = typed_array(value, name);
  if (array.TypedArrayType() != napi_float32_array) fail(name, "a Float32Array");
  return array.As<Napi::Float32Array>();
}

Napi::Int32Array int_array(const Napi::Value& value, const char* name) {
  const Napi::TypedArray array = typed_array(value, name);
  if (array.TypedArrayType() != napi_int32_array) fail(name, "an Int32Array");
  return array.As<Napi::Int32Array>();
}

Napi::Float32Array copy_to_js(Napi::Env env, const float* values, size_t count) {
  Napi::Float32Array array = Napi::Float32Array::New(env, count);
  std::copy_n(values, count, array.Data());
  return array;
}

Napi::Int32Array copy_to_js(Napi::Env env, const int32_t* values, size_t count) {
  Napi::Int32Array array = Napi::Int32Array::New(env, count);
  std::copy_n(values, count, array.Data());
  return array;
}

PassOptions to_pass_options(const Napi::Value& value) {
  const Napi::Object options = to_object(value, "options");
  return {integer_property(options, "batchSize", 1), to_threads(options.Get("threads"))};
}

namespace {

// `values` of the dims from `axis` on, as nested lists.
Napi::Value from_figure(Napi::Env env, const MetricResult& figure, size_t axis, const double*& values) {
  if (axis == figure.dims.size()) return Napi::Number::New(env, *values++);
  Napi::Array list = Napi::Array::New(env, static_cast<size_t>(figure.dims[axis]));
  for (uint32_t i = 0; i < list.Length(); ++i) list.Set(i, from_figure(env, figure, axis + 1, values));
  return list;
}

}  // namespace

Napi::Object from_samples(Napi::Env env, const KeptSamples& samples) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("count", static_cast<double>(samples.count));
  object.Set("outputs", copy_to_js(env, samples.outputs.data(), samples.outputs.size()));
  if (samples.classes.empty()) {
    object.Set("labels", copy_to_js(env, samples.values.data(), samples.values.size()));
  } else {
    object.Set("labels", copy_to_js(env, samples.classes.data(), samples.classes.size()));
  }
  return object;
}

Napi::Object from_result(Napi::Env env, const ObjectiveResult& result) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("loss", result.loss);
  Napi::Array metrics = Napi::Array::New(env, result.metrics.size());
  for (size_t i = 0; i < result.metrics.size(); ++i) {
    const double* values = result.metrics[i].values.data();
    metrics.Set(static_cast<uint32_t>(i),
                result.metrics[i].values.empty() ? env.Null() : from_figure(env, result.metrics[i], 0, values));
  }
  object.Set("metrics", metrics);
  if (result.samples != nullptr) object.Set("samples", from_samples(env, *result.samples));
  return object;
}

HeldSamples::HeldSamples(const Napi::Value& value, const Architecture& architecture, Use use)
    : use_(use), samples_(read(to_object(value, "samples"), architecture)) {
  for (int i = 0; i < architecture.input_count(); ++i) {
    const NetworkInput& input = architecture.inputs()[static_cast<size_t>(i)];
    samples_.check_inputs(input.form, input.rows, i);
  }
}

ArraySamples HeldSamples::read(const Napi::Object& samples, const Architecture& architecture) {
  std::vector<InputColumn> inputs = read_inputs(samples, architecture);
  const int64_t rows = inputs.front().rows();
  return {describe_set(samples, rows), std::move(inputs)};
}

// One input a network has, in its order: `columns`, or the samples' own where there is one.
std::vector<InputColumn> HeldSamples::read_inputs(const Napi::Object& samples, const Architecture& architecture) {
  const Napi::Value columns = samples.Get("columns");
  const auto count = static_cast<uint32_t>(architecture.input_count());
  if (!columns.IsUndefined() && (!columns.IsArray() || columns.As<Napi::Array>().Length() != count)) {
    fail("columns", "a list of " + std::to_string(count) + " inputs");
  }
  if (columns.IsUndefined() && count != 1) fail("samples", "samples with " + std::to_string(count) + " columns");
  std::vector<InputColumn> inputs;
  for (uint32_t i = 0; i < count; ++i) {
    const Napi::Object column =
        columns.IsUndefined() ? samples : to_object(columns.As<Napi::Array>().Get(i), "columns");
    const NetworkInput& input = architecture.inputs()[i];
    inputs.emplace_back(InputDescription{columns.IsUndefined() ? "" : input.name, describe_inputs(column.Get("inputs")),
                                         float_period(column, "scale"), float_period(column, "shift")},
                        input.shape);
  }
  return inputs;
}

// A typed array of samples, those of mapped files, or { offsets, indices, values } of sparse ones.
InputArray HeldSamples::describe_inputs(const Napi::Value& value) {
  if (value.IsTypedArray()) {
    const Napi::TypedArray array = typed_array(value, "inputs");
    if (array.ArrayBuffer().IsDetached()) {
      throw Error("INVALID_DATA", "the inputs' buffer was transferred away before they were read");
    }
    InputArray inputs{.data = data_of(array), .length = static_cast<int64_t>(array.ElementLength())};
    switch (array.TypedArrayType()) {
      case napi_float32_array: inputs.type = InputArray::Type::kFloat32; break;
      case napi_uint8_array: inputs.type = InputArray::Type::kUint8; break;
      case napi_int32_array: inputs.type = InputArray::Type::kInt32; break;
      default: fail("inputs", "a Float32Array, Uint8Array, Int32Array or sparse samples");
    }
    hold(array);
    if (use_ == Use::kBeyondCall) memory_.push_back(hold_memory(array.ArrayBuffer()));
    return inputs;
  }
  const Napi::Object object = to_object(value, "inputs");
  if (object.InstanceOf(Addon::of(object.Env()).mapped_rows_constructor().Value())) {
    const MappedRows& rows = MappedRowsWrap::Unwrap(object)->rows();
    hold(object);
    return {.type = InputArray::Type::kMapped, .length = rows.rows() * rows.format().size, .mapped = &rows};
  }
  const auto words = [&](const char* name) {
    const Napi::TypedArray array = typed_array(object.Get(name), name);
    if (array.TypedArrayType() != napi_uint32_array) fail(name, "a Uint32Array");
    hold(array);
    return array;
  };
  const Napi::TypedArray offsets = words("offsets");
  const Napi::TypedArray indices = words("indices");
  if (offsets.ElementLength() == 0) fail("offsets", "one more than samples");
  InputArray inputs{.type = InputArray::Type::kSparse,
                    .length = static_cast<int64_t>(indices.ElementLength()),
                    .indices = static_cast<const uint32_t*>(data_of(indices)),
                    .offsets = static_cast<const uint32_t*>(data_of(offsets)),
                    .rows = static_cast<int64_t>(offsets.ElementLength()) - 1};
  const Napi::Value values_value = object.Get("values");
  if (!values_value.IsUndefined()) {
    const Napi::Float32Array values = float_array(values_value, "values");
    if (values.ElementLength() != indices.ElementLength()) fail("values", "one value an entry");
    inputs.data = data_of(values);
    hold(values);
  }
  return inputs;
}

SetDescription HeldSamples::describe_set(const Napi::Object& object, int64_t rows) {
  SetDescription description;
  description.count = integer_property(object, "count", 0);

  const Napi::Value indices_value = object.Get("indices");
  if (!indices_value.IsUndefined()) {
    const Napi::TypedArray indices = typed_array(indices_value, "indices");
    if (indices.TypedArrayType() != napi_uint32_array) fail("indices", "a Uint32Array");
    if (static_cast<int64_t>(indices.ElementLength()) != description.count) fail("indices", "one row number a sample");
    description.indices = static_cast<const uint32_t*>(data_of(indices));
    hold(indices);
  }

  const Napi::Value labels_value = object.Get("labels");
  if (!labels_value.IsUndefined()) {
    const Napi::TypedArray labels = typed_array(labels_value, "labels");
    LabelArray& array = description.labels;
    switch (labels.TypedArrayType()) {
      case napi_int32_array: array.type = LabelArray::Type::kInt32; break;
      case napi_uint8_array: array.type = LabelArray::Type::kUint8; break;
      case napi_float32_array: array.type = LabelArray::Type::kFloat32; break;
      default: fail("labels", "an Int32Array, Uint8Array or Float32Array");
    }
    array.data = data_of(labels);
    array.length = static_cast<int64_t>(labels.ElementLength());
    array.row_size = integer_property(object, "labelSize", 1);
    hold(labels);
  }
  const Napi::Value weights_value = object.Get("sampleWeights");
  if (!weights_value.IsUndefined()) {
    const Napi::Float32Array weights = float_array(weights_value, "sampleWeights");
    if (static_cast<int64_t>(weights.ElementLength()) != rows) fail("sampleWeights", "one weight a row");
    description.weights = static_cast<const float*>(data_of(weights));
    hold(weights);
  }
  return description;
}

}  // namespace gradloom
