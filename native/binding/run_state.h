// Options, positions and snapshots of runs, from and to JavaScript (NativeFitOptions and NativeSnapshotEvent of
// lib/native).
#pragma once

#include <napi.h>
#include "training/run/epoch_loop.h"
#include "training/run/snapshot.h"

namespace gradloom {

FitOptions to_fit_options(const Napi::Object& options, int threads);

// Undefined stands for the beginning.
RunStart to_run_start(const Napi::Value& value, const Objective& objective, const Architecture& architecture);

Napi::Array from_tensors(Napi::Env env, const std::vector<SavedTensor>& tensors);

// The tensors' values are shared, not copied. NativeTrainerState:
Napi::Object from_state(Napi::Env env, const Snapshot& snapshot);
// NativeSnapshotEvent:
Napi::Object from_snapshot(Napi::Env env, const Snapshot& snapshot);

}  // namespace gradloom
