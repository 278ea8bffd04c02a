#include "binding/folder_lock.h"

#include "binding/errors.h"
#include "common/error.h"

namespace gradloom {

Napi::Function FolderLockWrap::define(Napi::Env env) {
  return DefineClass(
      env, "NativeFolderLock",
      {InstanceAccessor<&FolderLockWrap::is_busy>("isBusy"), InstanceMethod<&FolderLockWrap::release>("release")});
}

FolderLockWrap::FolderLockWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<FolderLockWrap>(info) {
  guarded(info.Env(), [&] {
    if (!info[0].IsString()) throw Error("INVALID_ARGUMENT", "path must be a string");
    lock_.emplace(info[0].As<Napi::String>().Utf8Value());
  });
}

Napi::Value FolderLockWrap::is_busy(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), lock_->is_busy());
}

void FolderLockWrap::release(const Napi::CallbackInfo&) { lock_->release(); }

}  // namespace gradloom
