// NativeUpdater of lib/native: an optimizer over arrays of the caller's.
#pragma once

#include <memory>
#include <vector>

#include <napi.h>
#include "common/aligned_buffer.h"
#include "common/parallel.h"
#include "optimizers/optimizer.h"
#include "training/run/learner.h"
#include "training/step/gradient_clip.h"

namespace gradloom {

class UpdaterWrap : public Napi::ObjectWrap<UpdaterWrap> {
 public:
  static Napi::Function define(Napi::Env env);

  explicit UpdaterWrap(const Napi::CallbackInfo& info);
  void Finalize(Napi::Env env) override;

 private:
  // A parameter's shape, how it is treated, what the optimizer keeps of it, and room for a gradient that is clipped.
  struct Parameter {
    Shape shape;
    ParameterSettings settings;
    std::vector<StateSpec> specs;
    std::vector<AlignedBuffer> states;
    AlignedBuffer clipped;
  };

  Napi::Value state_names(const Napi::CallbackInfo& info);
  Napi::Value step(const Napi::CallbackInfo& info);
  Napi::Value get_state(const Napi::CallbackInfo& info);
  Napi::Value effective_rates(const Napi::CallbackInfo& info);
  void clip(Team& team, std::vector<const float*>& gradients);
  UpdateArguments arguments(Parameter& parameter, float** states, double learning_rate) const;

  std::unique_ptr<Optimizer> optimizer_;
  GradientClip clip_;
  bool checks_gradients_ = true;
  int threads_ = 1;
  std::vector<Parameter> parameters_;
  std::unique_ptr<GradientNorms> norms_;
  CallTeam team_;
  int64_t accounted_bytes_ = 0;
  uint64_t steps_ = 0;
};

}  // namespace gradloom
