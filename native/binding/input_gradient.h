// inputGradient of lib/native.
#pragma once

#include <napi.h>

namespace gradloom {

Napi::Value input_gradient(const Napi::CallbackInfo& info);

}  // namespace gradloom
