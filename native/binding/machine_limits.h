// machineLimits of lib/native.
#pragma once

#include <napi.h>

namespace gradloom {

Napi::Value machine_limits(const Napi::CallbackInfo& info);

}  // namespace gradloom
