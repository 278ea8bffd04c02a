// An operation that settles a promise with what a thread of ours computed.
#pragma once

#include <exception>
#include <memory>

#include <napi.h>
#include "binding/addon.h"
#include "binding/errors.h"
#include "binding/operations.h"

namespace gradloom {

class PromiseOperation : public Operation {
 public:
  PromiseOperation(Napi::Env env, const char* name)
      : Operation(env, name), deferred_(Napi::Promise::Deferred::New(env)) {}

  Napi::Promise promise() const { return deferred_.Promise(); }

  void work(const std::atomic<bool>& stop) final {
    try {
      compute(stop);
    } catch (...) {
      error_ = std::current_exception();
    }
  }

  void settle(Napi::Env env) final {
    if (error_) {
      deferred_.Reject(to_js_error(env, error_).Value());
    } else {
      deferred_.Resolve(result(env));
    }
  }

 protected:
  virtual void compute(const std::atomic<bool>& stop) = 0;
  virtual Napi::Value result(Napi::Env env) = 0;

 private:
  Napi::Promise::Deferred deferred_;
  std::exception_ptr error_;
};

template <class T>
Napi::Value start_promise(Napi::Env env, std::unique_ptr<T> operation) {
  const Napi::Promise promise = operation->promise();
  Addon::of(env).operations().start(std::move(operation));
  return promise;
}

}  // namespace gradloom
