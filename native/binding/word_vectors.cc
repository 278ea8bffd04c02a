#include "binding/word_vectors.h"

#include <algorithm>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "binding/convert.h"
#include "binding/promise_operation.h"
#include "common/error.h"
#include "common/parallel.h"
#include "training/threads/compute_lock.h"

namespace gradloom {
namespace {

Napi::Uint32Array uint_array(const Napi::Value& value, const char* name) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint32_array) {
    throw Error("INVALID_ARGUMENT", std::string(name) + " must be a Uint32Array");
  }
  return value.As<Napi::Uint32Array>();
}

template <class T, class Array>
std::vector<T> copy(const Array& array) {
  return {array.Data(), array.Data() + array.ElementLength()};
}

void refuse_while_busy(bool busy) {
  if (busy) throw Error("MODEL_BUSY", "word vectors are being trained; wait for the epoch's end");
}

void check_length(const Napi::Float32Array& weights, int64_t length) {
  if (static_cast<int64_t>(weights.ElementLength()) != length) {
    throw Error("SHAPE_MISMATCH", "weights must have " + std::to_string(length) + " values");
  }
}

void copy_weights(const Napi::Float32Array& from, AlignedBuffer& to) {
  check_length(from, to.size());
  std::copy_n(from.Data(), to.size(), to.data());
}

Napi::Value copy_of(Napi::Env env, const AlignedBuffer& values) {
  return copy_to_js(env, values.data(), static_cast<size_t>(values.size()));
}

Napi::Value copy_of(Napi::Env env, const TrainedTable& table) {
  Napi::Float32Array weights = Napi::Float32Array::New(env, static_cast<size_t>(table.weight_count()));
  table.copy_weights(weights.Data());
  return weights;
}

// An epoch on a thread of its own; the state is not touched by others until it has settled.
template <class State>
class EpochOperation : public PromiseOperation {
 public:
  EpochOperation(Napi::Env env, const char* name, std::shared_ptr<State> state)
      : PromiseOperation(env, name), state_(std::move(state)) {
    state_->busy = true;
  }
  ~EpochOperation() override { state_->busy = false; }

 protected:
  State& state() { return *state_; }

 private:
  std::shared_ptr<State> state_;
};

template <class T>
Napi::Value start_job(Napi::Env env, std::weak_ptr<Job>& job, std::unique_ptr<T> operation) {
  T& started = *operation;
  job = Addon::of(env).operations().start(std::move(operation));
  return started.make_promise(env);
}

void stop_job(const std::weak_ptr<Job>& job) {
  if (const std::shared_ptr<Job> running = job.lock()) running->stop();
}

class GloveEpoch final : public EpochOperation<GloveState> {
 public:
  GloveEpoch(Napi::Env env, std::shared_ptr<GloveState> state)
      : EpochOperation(env, "gradloom.glove", std::move(state)) {}

 protected:
  void compute(const std::atomic<bool>& stop) override {
    // More threads than groups would have nothing to do.
    const int threads = std::min(state().threads, static_cast<int>(state().glove.groups()));
    Team::run(threads, [&](Team& team) { cost_ = state().glove.train_epoch(team, stop); });
  }
  Napi::Value result(Napi::Env env) override { return Napi::Number::New(env, cost_); }

 private:
  double cost_ = 0;
};

class WordEpochOperation final : public EpochOperation<WordTrainerState> {
 public:
  WordEpochOperation(Napi::Env env, std::shared_ptr<WordTrainerState> state)
      : EpochOperation(env, "gradloom.wordVectors", std::move(state)) {}

 protected:
  void compute(const std::atomic<bool>& stop) override {
    state().sampler.start(state().epochs++);
    Team::run(state().threads,
              [&](Team& team) { epoch_ = train_words(team, state().model, state().sampler, state().batch, stop); });
  }
  Napi::Value result(Napi::Env env) override {
    Napi::Object result = Napi::Object::New(env);
    result.Set("loss", epoch_.loss);
    result.Set("pairs", static_cast<double>(epoch_.pairs));
    return result;
  }

 private:
  WordEpoch epoch_;
};

GloveOptions to_glove_options(const Napi::Object& spec) {
  const std::string rule = string_property(spec, "rule");
  const std::string order = string_property(spec, "order");
  if (rule != "paper" && rule != "stanford") throw Error("INVALID_ARGUMENT", "rule must be paper or stanford");
  if (order != "shuffled" && order != "given") throw Error("INVALID_ARGUMENT", "order must be shuffled or given");
  return {.vocabulary = integer_property(spec, "vocabulary", 1),
          .units = integer_property(spec, "units", 1),
          .rule = rule == "paper" ? GloveRule::kPaper : GloveRule::kStanford,
          .learning_rate = static_cast<float>(number_property(spec, "learningRate")),
          .x_max = number_property(spec, "xMax"),
          .alpha = number_property(spec, "alpha"),
          .initial_accumulator = static_cast<float>(number_property(spec, "initialAccumulator")),
          .shuffled = order == "shuffled",
          .seed = seed_property(spec)};
}

}  // namespace

Napi::Function GloveWrap::define(Napi::Env env) {
  return DefineClass(env, "NativeGlove",
                     {InstanceMethod<&GloveWrap::train_epoch>("trainEpoch"), InstanceMethod<&GloveWrap::stop>("stop"),
                      InstanceMethod<&GloveWrap::get_weights>("getWeights"),
                      InstanceMethod<&GloveWrap::get_accumulators>("getAccumulators"),
                      InstanceMethod<&GloveWrap::set_weights>("setWeights")});
}

GloveWrap::GloveWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<GloveWrap>(info) {
  guarded(info.Env(), [&] {
    const Napi::Object spec = to_object(info[0], "spec");
    const Napi::Object cells = to_object(info[1], "cells");
    const Napi::Uint32Array words = uint_array(cells.Get("words"), "words");
    const Napi::Uint32Array contexts = uint_array(cells.Get("contexts"), "contexts");
    const Napi::Float32Array counts = float_array(cells.Get("counts"), "counts");
    if (words.ElementLength() != counts.ElementLength() || contexts.ElementLength() != counts.ElementLength()) {
      throw Error("SHAPE_MISMATCH", "words, contexts and counts must have one entry a cell");
    }
    const auto count = static_cast<int64_t>(counts.ElementLength());
    state_ = std::make_shared<GloveState>(
        GloveState{Glove(to_glove_options(spec), {count, words.Data(), contexts.Data(), counts.Data()}),
                   resolve_threads(to_threads(spec.Get("threads")))});
    accounted_bytes_ = 2 * state_->glove.weights().bytes() + count * static_cast<int64_t>(sizeof(GloveCell));
    Napi::MemoryManagement::AdjustExternalMemory(info.Env(), accounted_bytes_);
  });
}

void GloveWrap::Finalize(Napi::Env env) { Napi::MemoryManagement::AdjustExternalMemory(env, -accounted_bytes_); }

Napi::Value GloveWrap::train_epoch(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    refuse_while_busy(state_->busy);
    return start_job(info.Env(), job_, std::make_unique<GloveEpoch>(info.Env(), state_));
  });
}

Napi::Value GloveWrap::stop(const Napi::CallbackInfo& info) {
  stop_job(job_);
  return info.Env().Undefined();
}

Napi::Value GloveWrap::get_weights(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    refuse_while_busy(state_->busy);
    return copy_of(info.Env(), state_->glove.weights());
  });
}

Napi::Value GloveWrap::get_accumulators(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    refuse_while_busy(state_->busy);
    return copy_of(info.Env(), state_->glove.accumulators());
  });
}

Napi::Value GloveWrap::set_weights(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    refuse_while_busy(state_->busy);
    copy_weights(float_array(info[0], "weights"), state_->glove.weights());
    return info.Env().Undefined();
  });
}

namespace {

WordCorpus to_corpus(const Napi::Object& corpus, uint64_t seed) {
  const std::string model = string_property(corpus, "model");
  if (model != "skipGram" && model != "cbow") throw Error("INVALID_ARGUMENT", "model must be skipGram or cbow");
  const Napi::Value noise = corpus.Get("noise");
  if (!noise.IsTypedArray() || noise.As<Napi::TypedArray>().TypedArrayType() != napi_float64_array) {
    throw Error("INVALID_ARGUMENT", "noise must be a Float64Array");
  }
  WordCorpus result{.tokens = copy<int32_t>(int_array(corpus.Get("tokens"), "tokens")),
                    .keep = copy<float>(float_array(corpus.Get("keep"), "keep")),
                    .noise = copy<double>(noise.As<Napi::Float64Array>()),
                    .pieces = {},
                    .model = model == "cbow" ? WordModel::kCbow : WordModel::kSkipGram,
                    .window = integer_property(corpus, "window", 1),
                    .seed = seed};
  if (!corpus.Get("pieces").IsUndefined()) {
    const Napi::Object pieces = to_object(corpus.Get("pieces"), "pieces");
    result.pieces = {copy<uint32_t>(uint_array(pieces.Get("offsets"), "offsets")),
                     copy<uint32_t>(uint_array(pieces.Get("indices"), "indices"))};
  }
  return result;
}

std::shared_ptr<WordTrainerState> make_state(const Napi::Object& spec) {
  const uint64_t seed = seed_property(spec);
  WordSampler sampler(to_corpus(to_object(spec.Get("corpus"), "corpus"), seed));
  const int64_t input_rows = integer_property(spec, "inputRows", 1);
  if (input_rows < sampler.input_rows()) throw Error("INVALID_ARGUMENT", "pieces name rows beyond inputRows");
  const NegativeSamplingShape shape{input_rows, sampler.vocabulary(), integer_property(spec, "units", 1),
                                    integer_property(spec, "negatives", 1)};
  return std::make_shared<WordTrainerState>(WordTrainerState{
      std::move(sampler), NegativeSampling(shape, make_optimizer(to_spec(spec.Get("optimizer"))), seed),
      integer_property(spec, "batchSize", 1), resolve_threads(to_threads(spec.Get("threads")))});
}

}  // namespace

Napi::Function WordTrainerWrap::define(Napi::Env env) {
  return DefineClass(
      env, "NativeWordTrainer",
      {InstanceMethod<&WordTrainerWrap::train_epoch>("trainEpoch"), InstanceMethod<&WordTrainerWrap::stop>("stop"),
       InstanceMethod<&WordTrainerWrap::train_pairs>("trainPairs"),
       InstanceMethod<&WordTrainerWrap::get_weights>("getWeights"),
       InstanceMethod<&WordTrainerWrap::set_weights>("setWeights")});
}

WordTrainerWrap::WordTrainerWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<WordTrainerWrap>(info) {
  guarded(info.Env(), [&] {
    state_ = make_state(to_object(info[0], "spec"));
    accounted_bytes_ = state_->model.input().bytes() + state_->model.output().bytes();
    Napi::MemoryManagement::AdjustExternalMemory(info.Env(), accounted_bytes_);
  });
}

void WordTrainerWrap::Finalize(Napi::Env env) { Napi::MemoryManagement::AdjustExternalMemory(env, -accounted_bytes_); }

Napi::Value WordTrainerWrap::train_epoch(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    refuse_while_busy(state_->busy);
    return start_job(info.Env(), job_, std::make_unique<WordEpochOperation>(info.Env(), state_));
  });
}

Napi::Value WordTrainerWrap::stop(const Napi::CallbackInfo& info) {
  stop_job(job_);
  return info.Env().Undefined();
}

namespace {

// One row of the input table a pair.
void fill_batch(NegativeSampling& model, const uint32_t* inputs, const uint32_t* targets, int64_t pairs) {
  SparseBatch& bags = model.bags();
  bags.reserve(pairs, pairs);
  for (int64_t p = 0; p < pairs; ++p) {
    bags.offsets()[p] = p;
    bags.indices()[p] = inputs[p];
    bags.samples()[p] = static_cast<uint32_t>(p);
  }
  bags.offsets()[pairs] = pairs;
  bags.filled(pairs, false);
  std::copy_n(targets, pairs * (model.shape().negatives + 1), model.targets(pairs));
}

}  // namespace

Napi::Value WordTrainerWrap::train_pairs(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    refuse_while_busy(state_->busy);
    NegativeSampling& model = state_->model;
    const NegativeSamplingShape& shape = model.shape();
    const Napi::Uint32Array inputs = uint_array(info[0], "inputs");
    const Napi::Uint32Array targets = uint_array(info[1], "targets");
    const auto pairs = static_cast<int64_t>(inputs.ElementLength());
    if (static_cast<int64_t>(targets.ElementLength()) != pairs * (shape.negatives + 1)) {
      throw Error("SHAPE_MISMATCH", "targets must have 1 + negatives rows a pair");
    }
    const auto check = [](const Napi::Uint32Array& rows, int64_t count, const char* name) {
      if (std::any_of(rows.Data(), rows.Data() + rows.ElementLength(), [=](uint32_t row) { return row >= count; })) {
        throw Error("INVALID_ARGUMENT", std::string(name) + " must be below " + std::to_string(count));
      }
    };
    check(inputs, shape.input_rows, "inputs");
    check(targets, shape.output_rows, "targets");
    double loss = 0;
    Team::run(state_->threads, [&](Team& team) {
      for (int64_t first = 0; first < pairs; first += state_->batch) {
        const int64_t count = std::min(state_->batch, pairs - first);
        fill_batch(model, inputs.Data() + first, targets.Data() + first * (shape.negatives + 1), count);
        const std::unique_lock lock(compute_lock());
        loss += model.step(team, count);
      }
    });
    return Napi::Number::New(info.Env(), loss);
  });
}

Napi::Value WordTrainerWrap::get_weights(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    refuse_while_busy(state_->busy);
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("input", copy_of(info.Env(), state_->model.input()));
    result.Set("output", copy_of(info.Env(), state_->model.output()));
    return result;
  });
}

Napi::Value WordTrainerWrap::set_weights(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    refuse_while_busy(state_->busy);
    const Napi::Object weights = to_object(info[0], "weights");
    const Napi::Float32Array input = float_array(weights.Get("input"), "input");
    const Napi::Float32Array output = float_array(weights.Get("output"), "output");
    check_length(input, state_->model.input().weight_count());
    check_length(output, state_->model.output().weight_count());
    state_->model.input().set_weights(input.Data());
    state_->model.output().set_weights(output.Data());
    return info.Env().Undefined();
  });
}

namespace {

class CountOperation final : public PromiseOperation {
 public:
  CountOperation(Napi::Env env, std::vector<int32_t> tokens, const CooccurrenceOptions& options)
      : PromiseOperation(env, "gradloom.cooccurrences"), tokens_(std::move(tokens)), options_(options) {}

 protected:
  void compute(const std::atomic<bool>& stop) override {
    cells_ = gradloom::count_cooccurrences(tokens_, options_, stop);
  }
  Napi::Value result(Napi::Env env) override {
    const auto numbers = [&](const std::vector<uint32_t>& values) {
      Napi::Uint32Array array = Napi::Uint32Array::New(env, values.size());
      std::copy(values.begin(), values.end(), array.Data());
      return array;
    };
    Napi::Object result = Napi::Object::New(env);
    result.Set("words", numbers(cells_.words));
    result.Set("contexts", numbers(cells_.contexts));
    result.Set("counts", copy_to_js(env, cells_.counts.data(), cells_.counts.size()));
    return result;
  }

 private:
  std::vector<int32_t> tokens_;
  CooccurrenceOptions options_;
  CooccurrenceCells cells_;
};

}  // namespace

Napi::Value start_counting(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Napi::Env env = info.Env();
    const Napi::Object options = to_object(info[1], "options");
    auto operation = std::make_unique<CountOperation>(
        env, copy<int32_t>(int_array(info[0], "tokens")),
        CooccurrenceOptions{.vocabulary = integer_property(options, "vocabulary", 1),
                            .window = integer_property(options, "window", 1),
                            .by_distance = string_property(options, "weighting") == "inverseDistance",
                            .symmetric = string_property(options, "context") == "symmetric",
                            .memory = integer_property(options, "memory", 1)});
    // Nothing may fail behind the start: nobody would have the promise.
    const auto job = std::make_shared<std::weak_ptr<Job>>();
    Napi::Object result = Napi::Object::New(env);
    result.Set("stop", Napi::Function::New(env, [job](const Napi::CallbackInfo&) { stop_job(*job); }));
    result.Set("result", start_job(env, *job, std::move(operation)));
    return result;
  });
}

}  // namespace gradloom
