#include "binding/run_state.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "binding/convert.h"
#include "common/error.h"

namespace gradloom {
namespace {

Shuffle to_shuffle(const std::string& name) {
  if (name != "epoch" && name != "never") throw Error("INVALID_ARGUMENT", "shuffle must be \"epoch\" or \"never\"");
  return name == "epoch" ? Shuffle::kEachEpoch : Shuffle::kNever;
}

// Absent: none.
Augmentation to_augmentation(const Napi::Value& value) {
  if (value.IsUndefined()) return {};
  const Napi::Object given = to_object(value, "augment");
  return {.flips_horizontally = given.Get("flipsHorizontally").ToBoolean(),
          .flips_vertically = given.Get("flipsVertically").ToBoolean(),
          .shift = integer_property(given, "shift", 0),
          .padding = given.Get("extendsEdges").ToBoolean() ? Padding::kEdge : Padding::kZero,
          .brightness = static_cast<float>(number_property(given, "brightness")),
          .contrast = static_cast<float>(number_property(given, "contrast")),
          .cutout = integer_property(given, "cutout", 0)};
}

// Absent: none.
SnapshotTimes to_snapshot_times(const Napi::Value& value) {
  if (value.IsUndefined()) return {};
  const Napi::Object times = to_object(value, "snapshots");
  return {.every_steps = static_cast<uint64_t>(integer_property(times, "everySteps", 0)),
          .every_seconds = number_property(times, "everySeconds"),
          .every_epochs = integer_property(times, "everyEpochs", 0),
          .at_end = true};
}

template <class Array>
auto values_of(const Array& array) {
  return std::vector(array.Data(), array.Data() + array.ElementLength());
}

ObjectiveTotals to_totals(const Napi::Object& position, const Objective& objective) {
  ObjectiveTotals totals;
  totals.loss = number_property(position, "loss");
  totals.divisor = number_property(position, "divisor");
  totals.samples = integer_property(position, "samples", 0);
  const Napi::Value metrics = position.Get("metrics");
  if (!metrics.IsTypedArray() || metrics.As<Napi::TypedArray>().TypedArrayType() != napi_float64_array) {
    throw Error("INVALID_ARGUMENT", "metrics must be a Float64Array");
  }
  totals.metrics = values_of(metrics.As<Napi::Float64Array>());
  const Napi::Value kept = position.Get("kept");
  if (kept.IsUndefined()) return totals;
  const Napi::Object samples = to_object(kept, "kept");
  totals.kept.count = integer_property(samples, "count", 0);
  totals.kept.outputs = values_of(float_array(samples.Get("outputs"), "outputs"));
  if (objective.loss().target_kind() == TargetKind::kClass) {
    totals.kept.classes = values_of(int_array(samples.Get("labels"), "labels"));
  } else {
    totals.kept.values = values_of(float_array(samples.Get("labels"), "labels"));
  }
  return totals;
}

Napi::Float32Array share(Napi::Env env, const std::shared_ptr<AlignedBuffer>& values) {
  const auto count = static_cast<size_t>(values->size());
  if (count == 0) return Napi::Float32Array::New(env, 0);
  auto owner = std::make_unique<std::shared_ptr<AlignedBuffer>>(values);
  const Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(
      env, values->data(), static_cast<size_t>(values->bytes()),
      [](Napi::Env, void*, std::shared_ptr<AlignedBuffer>* held) { delete held; }, owner.get());
  static_cast<void>(owner.release());
  return Napi::Float32Array::New(env, count, buffer, 0);
}

Napi::Object from_position(Napi::Env env, const RunPosition& position) {
  const ObjectiveTotals& totals = position.epoch.totals;
  Napi::Object object = Napi::Object::New(env);
  object.Set("epochs", static_cast<double>(position.epochs));
  object.Set("steps", static_cast<double>(position.steps));
  object.Set("seconds", position.seconds);
  object.Set("batches", static_cast<double>(position.epoch.batches));
  object.Set("skippedSteps", static_cast<double>(position.epoch.skipped));
  object.Set("epochSeconds", position.epoch.seconds);
  // Between two epochs there is nothing to add to.
  if (position.epoch.batches == 0) return object;
  object.Set("loss", totals.loss);
  object.Set("divisor", totals.divisor);
  object.Set("samples", static_cast<double>(totals.samples));
  Napi::Float64Array metrics = Napi::Float64Array::New(env, totals.metrics.size());
  std::copy(totals.metrics.begin(), totals.metrics.end(), metrics.Data());
  object.Set("metrics", metrics);
  if (totals.kept.count > 0) object.Set("kept", from_samples(env, totals.kept));
  return object;
}

}  // namespace

FitOptions to_fit_options(const Napi::Object& options, int threads) {
  const int64_t most_steps = integer_property(options, "maxSteps", 0);
  const double most_seconds = number_property(options, "maxSeconds");
  return {.epochs = integer_property(options, "epochs", 0),
          .batch = integer_property(options, "batchSize", 1),
          .shuffle = to_shuffle(string_property(options, "shuffle")),
          .threads = threads,
          .progress_interval = number_property(options, "progressIntervalMs") / 1000,
          .most_steps = most_steps == 0 ? std::numeric_limits<uint64_t>::max() : static_cast<uint64_t>(most_steps),
          .most_seconds = most_seconds == 0 ? std::numeric_limits<double>::infinity() : most_seconds,
          .snapshots = to_snapshot_times(options.Get("snapshots")),
          .batches_per_step = integer_property(options, "batchesPerStep", 1),
          .inspect_every = static_cast<uint64_t>(integer_property(options, "inspectEvery", 0)),
          .augmentation = to_augmentation(options.Get("augment")),
          .restore_kept = options.Get("restoreKept").ToBoolean()};
}

RunStart to_run_start(const Napi::Value& value, const Objective& objective, const Architecture& architecture) {
  RunStart start;
  if (value.IsUndefined()) return start;
  const Napi::Object given = to_object(value, "start");
  const Napi::Object position = to_object(given.Get("position"), "position");
  start.position.epochs = integer_property(position, "epochs", 0);
  start.position.steps = static_cast<uint64_t>(integer_property(position, "steps", 0));
  start.position.seconds = number_property(position, "seconds");
  start.position.epoch.batches = integer_property(position, "batches", 0);
  start.position.epoch.skipped = integer_property(position, "skippedSteps", 0);
  start.position.epoch.seconds = number_property(position, "epochSeconds");
  if (start.position.epoch.batches > 0) start.position.epoch.totals = to_totals(position, objective);
  if (given.Get("kept").IsUndefined()) return start;
  const auto kept = given.Get("kept").As<Napi::Array>();
  const auto& parameters = architecture.parameters();
  if (!given.Get("kept").IsArray() || kept.Length() != parameters.size()) {
    throw Error("SHAPE_MISMATCH", "kept must hold " + std::to_string(parameters.size()) + " arrays");
  }
  start.kept = AlignedBuffer(architecture.weights_size());
  for (size_t p = 0; p < parameters.size(); ++p) {
    const Napi::Float32Array values = float_array(kept.Get(static_cast<uint32_t>(p)), "kept");
    if (static_cast<int64_t>(values.ElementLength()) != parameters[p].shape.size()) {
      throw Error("SHAPE_MISMATCH",
                  "kept " + parameters[p].name + " must have shape " + parameters[p].shape.to_string());
    }
    architecture.import_parameter(static_cast<int>(p), values.Data(), start.kept.data());
  }
  return start;
}

Napi::Array from_tensors(Napi::Env env, const std::vector<SavedTensor>& tensors) {
  Napi::Array list = Napi::Array::New(env, tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    Napi::Object tensor = Napi::Object::New(env);
    tensor.Set("name", tensors[i].name);
    tensor.Set("shape", from_shape(env, tensors[i].shape));
    tensor.Set("data", share(env, tensors[i].values));
    list.Set(static_cast<uint32_t>(i), tensor);
  }
  return list;
}

Napi::Object from_state(Napi::Env env, const Snapshot& snapshot) {
  Napi::Object state = Napi::Object::New(env);
  state.Set("steps", static_cast<double>(snapshot.steps));
  state.Set("epochs", static_cast<double>(snapshot.epochs));
  state.Set("rateScale", snapshot.rate_scale);
  state.Set("tensors", from_tensors(env, snapshot.states));
  return state;
}

Napi::Object from_snapshot(Napi::Env env, const Snapshot& snapshot) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("last", snapshot.last);
  object.Set("epoch", static_cast<double>(snapshot.epoch));
  object.Set("weights", from_tensors(env, snapshot.weights));
  if (!snapshot.kept.empty()) object.Set("kept", from_tensors(env, snapshot.kept));
  object.Set("state", from_state(env, snapshot));
  object.Set("position", from_position(env, snapshot.position));
  return object;
}

}  // namespace gradloom
