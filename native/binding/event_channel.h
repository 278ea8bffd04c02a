// Carries functions from a thread of ours to the JavaScript thread, where they run in order. Keeps the event loop alive
// until it is closed. When the environment goes first, what is sent is dropped.
#pragma once

#include <napi.h>
#include <functional>
#include <memory>
#include <utility>

namespace gradloom {

class EventChannel {
 public:
  using Call = std::function<void(Napi::Env)>;

  // On the JavaScript thread.
  EventChannel(Napi::Env env, const char* name);
  // Closes one that nobody has closed: that of an operation whose construction failed would keep the event loop alive.
  ~EventChannel() { close(); }
  EventChannel(const EventChannel&) = delete;
  EventChannel& operator=(const EventChannel&) = delete;

  // From one other thread; after close nothing may be sent.
  void send(Call call) { send(std::make_unique<Call>(std::move(call))); }
  // The same without asking for memory: for what has to be said also when there is none.
  void send(std::unique_ptr<Call> call);
  void close();

 private:
  static void receive(Napi::Env env, Napi::Function function, std::nullptr_t* context, Call* call);

  Napi::TypedThreadSafeFunction<std::nullptr_t, Call, receive> function_;
  bool gone_ = false;
};

}  // namespace gradloom
