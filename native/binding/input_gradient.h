// inputGradient of lib/native.ts.
#pragma once

#include <napi.h>

namespace gradloom {

Napi::Value input_gradient(const Napi::CallbackInfo& info);

}  // namespace gradloom
