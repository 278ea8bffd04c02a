// An operation that settles a promise with what a thread of ours computed.
#pragma once

#include <exception>
#include <memory>
#include <optional>

#include <napi.h>
#include "binding/addon.h"
#include "binding/errors.h"
#include "binding/operations.h"

namespace gradloom {

class PromiseOperation : public Operation {
 public:
  using Operation::Operation;

  // Once it runs, which is before it settles on the same thread: a promise that nobody settles would never go away.
  Napi::Promise make_promise(Napi::Env env) {
    deferred_.emplace(Napi::Promise::Deferred::New(env));
    return deferred_->Promise();
  }

  void work(const std::atomic<bool>& stop) final {
    try {
      compute(stop);
    } catch (...) {
      error_ = std::current_exception();
    }
  }

  void settle(Napi::Env env) final {
    if (!deferred_) return;
    Napi::Value value;
    try {
      if (!error_) value = result(env);
    } catch (...) {
      error_ = std::current_exception();
    }
    if (error_) {
      deferred_->Reject(to_js_error(env, error_).Value());
    } else {
      deferred_->Resolve(value);
    }
  }

 protected:
  virtual void compute(const std::atomic<bool>& stop) = 0;
  virtual Napi::Value result(Napi::Env env) = 0;

 private:
  std::optional<Napi::Promise::Deferred> deferred_;
  std::exception_ptr error_;
};

template <class T>
Napi::Value start_promise(Napi::Env env, std::unique_ptr<T> operation) {
  T& started = *operation;
  Addon::of(env).operations().start(std::move(operation));
  return started.make_promise(env);
}

}  // namespace gradloom
