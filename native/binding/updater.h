// NativeUpdater of lib/native.ts: an optimizer over arrays of the caller's.
#pragma once

#include <memory>
#include <vector>

#include <napi.h>
#include "common/aligned_buffer.h"
#include "optimizers/optimizer.h"

namespace gradloom {

class UpdaterWrap : public Napi::ObjectWrap<UpdaterWrap> {
 public:
  static Napi::Function define(Napi::Env env);

  explicit UpdaterWrap(const Napi::CallbackInfo& info);

 private:
  Napi::Value state_names(const Napi::CallbackInfo& info);
  Napi::Value step(const Napi::CallbackInfo& info);
  Napi::Value get_state(const Napi::CallbackInfo& info);

  std::unique_ptr<Optimizer> optimizer_;
  std::vector<std::vector<AlignedBuffer>> states_;  // by parameter, then by state
  uint64_t steps_ = 0;
};

}  // namespace gradloom
