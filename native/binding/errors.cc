#include "binding/errors.h"

#include <new>

namespace gradloom {
namespace {

// Takes no memory but that of JavaScript.
Napi::Error coded(Napi::Env env, const char* code, const char* message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code));
  return error;
}

}  // namespace

Napi::Error to_js_error(Napi::Env env, const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const Napi::Error& e) {
    return e;
  } catch (const Error& e) {
    return coded(env, e.code().c_str(), e.what());
  } catch (const std::bad_alloc&) {
    return coded(env, "OUT_OF_MEMORY", "out of memory");
  } catch (const std::exception& e) {
    return coded(env, "INTERNAL", e.what());
  }
}

}  // namespace gradloom
