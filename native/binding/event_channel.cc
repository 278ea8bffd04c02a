#include "binding/event_channel.h"

#include <memory>

namespace gradloom {

EventChannel::EventChannel(Napi::Env env, const char* name)
    : function_(
          Napi::ThreadSafeFunction::New(env, Napi::Function::New(env, [](const Napi::CallbackInfo&) {}), name, 0, 1)) {}

void EventChannel::send(Call call) {
  if (gone_) return;
  auto owned = std::make_unique<Call>(std::move(call));
  const napi_status status =
      function_.NonBlockingCall(owned.get(), [](Napi::Env env, Napi::Function /*unused*/, Call* received) {
        const std::unique_ptr<Call> mine(received);
        if (env != nullptr) (*mine)(env);
      });
  if (status == napi_ok) {
    static_cast<void>(owned.release());
  } else {
    gone_ = true;  // napi_closing: the function must not be touched again
  }
}

void EventChannel::close() {
  if (!gone_) function_.Release();
  gone_ = true;
}

}  // namespace gradloom
