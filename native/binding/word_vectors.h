// NativeGlove and NativeWordTrainer of lib/native.
#pragma once

#include <memory>

#include <napi.h>
#include "training/threads/job.h"
#include "training/word_vectors/cooccurrence.h"
#include "training/word_vectors/glove.h"
#include "training/word_vectors/negative_sampling.h"
#include "training/word_vectors/word_sampler.h"

namespace gradloom {

// What a wrap and the operations that it started share. `busy` is of the JavaScript thread.
struct GloveState {
  Glove glove;
  int threads;
  bool busy = false;
};

class GloveWrap : public Napi::ObjectWrap<GloveWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit GloveWrap(const Napi::CallbackInfo& info);
  void Finalize(Napi::Env env) override;

 private:
  Napi::Value train_epoch(const Napi::CallbackInfo& info);
  Napi::Value stop(const Napi::CallbackInfo& info);
  Napi::Value get_weights(const Napi::CallbackInfo& info);
  Napi::Value get_accumulators(const Napi::CallbackInfo& info);
  Napi::Value set_weights(const Napi::CallbackInfo& info);

  std::shared_ptr<GloveState> state_;
  std::weak_ptr<Job> job_;
  int64_t accounted_bytes_ = 0;
};

struct WordTrainerState {
  WordSampler sampler;
  NegativeSampling model;
  int64_t batch;
  int threads;
  uint64_t epochs = 0;
  bool busy = false;
};

class WordTrainerWrap : public Napi::ObjectWrap<WordTrainerWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit WordTrainerWrap(const Napi::CallbackInfo& info);
  void Finalize(Napi::Env env) override;

 private:
  Napi::Value train_epoch(const Napi::CallbackInfo& info);
  Napi::Value stop(const Napi::CallbackInfo& info);
  Napi::Value train_pairs(const Napi::CallbackInfo& info);
  Napi::Value get_weights(const Napi::CallbackInfo& info);
  Napi::Value set_weights(const Napi::CallbackInfo& info);

  std::shared_ptr<WordTrainerState> state_;
  std::weak_ptr<Job> job_;
  int64_t accounted_bytes_ = 0;
};

// countCooccurrences(tokens, options) of lib/native.
Napi::Value start_counting(const Napi::CallbackInfo& info);

}  // namespace gradloom
