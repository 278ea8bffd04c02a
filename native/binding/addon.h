// What one environment (the main thread, or a Worker) holds of the addon.
#pragma once

#include <napi.h>

#include <memory>

#include "binding/operations.h"
#include "common/parallel.h"

namespace gradloom {

class Addon {
 public:
  // Fills `exports` with the surface that lib/native declares.
  Addon(Napi::Env env, Napi::Object exports);

  static Addon& of(Napi::Env env) { return *env.GetInstanceData<Addon>(); }

  Operations& operations() { return operations_; }
  // Of calls that compute on the JavaScript thread.
  CallTeam& team() { return team_; }
  // Of those that compute on threads of jobs, which may outlive an environment's objects.
  const std::shared_ptr<SpareTeam>& spare_team() const { return spare_team_; }
  Napi::Object new_run() { return run_constructor_.New({}); }
  const Napi::FunctionReference& mapped_rows_constructor() const { return mapped_rows_constructor_; }

 private:
  Operations operations_;
  CallTeam team_;
  std::shared_ptr<SpareTeam> spare_team_ = std::make_shared<SpareTeam>();
  Napi::FunctionReference run_constructor_;
  Napi::FunctionReference mapped_rows_constructor_;
};

}  // namespace gradloom
