#include "binding/held_memory.h"

// Node-API has no call that shares a buffer's memory; V8 has, under this name since Node 14. Absent in a runtime that
// has Node-API without V8.
namespace v8 {

class BackingStore;

class __attribute__((visibility("default"))) ArrayBuffer {
 public:
  __attribute__((weak)) std::shared_ptr<BackingStore> GetBackingStore();
};

}  // namespace v8

namespace gradloom {

bool can_hold_memory() {
  // A member function's pointer is never null to the compiler, so its address is asked for.
  const auto get = &v8::ArrayBuffer::GetBackingStore;
  const void* address = nullptr;
  static_assert(sizeof(get) >= sizeof(address));
  __builtin_memcpy(&address, &get, sizeof(address));
  return address != nullptr;
}

HeldMemory hold_memory(const Napi::ArrayBuffer& buffer) {
  if (!can_hold_memory()) return nullptr;
  // A napi_value is V8's handle itself.
  return reinterpret_cast<v8::ArrayBuffer*>(static_cast<napi_value>(buffer))->GetBackingStore();
}

}  // namespace gradloom
