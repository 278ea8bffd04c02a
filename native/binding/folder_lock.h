// NativeFolderLock of lib/native: let go of by `release`, when it is collected, or with its environment.
#pragma once

#include <optional>

#include <napi.h>
#include "common/folder_lock.h"

namespace gradloom {

class FolderLockWrap : public Napi::ObjectWrap<FolderLockWrap> {
 public:
  static Napi::Function define(Napi::Env env);

  explicit FolderLockWrap(const Napi::CallbackInfo& info);

 private:
  Napi::Value is_busy(const Napi::CallbackInfo& info);
  void release(const Napi::CallbackInfo& info);

  std::optional<FolderLock> lock_;
};

}  // namespace gradloom
