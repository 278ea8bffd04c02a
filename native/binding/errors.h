// The one place where C++ exceptions become JavaScript errors.
#pragma once

#include <exception>

#include <napi.h>
#include "common/error.h"

namespace gradloom {

// An Error with a `code`: that of gradloom::Error, OUT_OF_MEMORY for bad_alloc, INTERNAL for anything else; one of
// JavaScript as it is.
Napi::Error to_js_error(Napi::Env env, const std::exception_ptr& error);

// Runs `body` and throws what it throws as a JavaScript error. Every function of the addon goes through it.
template <class Body>
auto guarded(Napi::Env env, Body&& body) {
  try {
    return body();
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    throw to_js_error(env, std::current_exception());
  }
}

}  // namespace gradloom
