#include "binding/event_channel.h"

namespace gradloom {

EventChannel::EventChannel(Napi::Env env, const char* name) : function_(decltype(function_)::New(env, name, 0, 1)) {}

void EventChannel::send(std::unique_ptr<Call> call) {
  if (gone_) return;
  if (function_.NonBlockingCall(call.get()) == napi_ok) {
    static_cast<void>(call.release());
  } else {
    gone_ = true;  // napi_closing: the function must not be touched again
  }
}

void EventChannel::receive(Napi::Env env, Napi::Function /*function*/, std::nullptr_t* /*context*/, Call* call) {
  const std::unique_ptr<Call> mine(call);
  if (env != nullptr) (*mine)(env);
}

void EventChannel::close() {
  if (!gone_) function_.Release();
  gone_ = true;
}

}  // namespace gradloom
