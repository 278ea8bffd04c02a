// Lets C++ allocations of the addon fail, from JavaScript: loaded before the process (LD_PRELOAD), so that its operator
// new is that of all, and then by the process as an addon, which tells it what to do. Allocations are the addon's when
// it calls operator new itself or through the standard library; those of Node and of V8 are left alone.
#include <link.h>
#include <node_api.h>
#include <unwind.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <unordered_set>

namespace {

struct Range {
  uintptr_t begin = 0, end = 0;
  bool has(uintptr_t address) const { return begin <= address && address < end; }
};

// Of the code of the three libraries; empty until the addon has been found.
Range addon, standard, self;

std::atomic<int64_t> next{0};
std::atomic<int64_t> first{-1};
std::atomic<bool> all_behind{false};
std::atomic<int64_t> failed{0};

template <class T>
struct Malloc {
  using value_type = T;
  Malloc() = default;
  template <class U>
  explicit Malloc(const Malloc<U>&) {}
  T* allocate(size_t count) { return static_cast<T*>(std::malloc(count * sizeof(T))); }
  void deallocate(T* memory, size_t) { std::free(memory); }
  template <class U>
  bool operator==(const Malloc<U>&) const {
    return true;
  }
};
using Set = std::unordered_set<void*, std::hash<void*>, std::equal_to<>, Malloc<void*>>;

std::mutex mutex;
Set& live() {
  static auto* set = new (std::malloc(sizeof(Set))) Set;
  return *set;
}

_Unwind_Reason_Code look(_Unwind_Context* context, void* found) {
  const uintptr_t address = _Unwind_GetIP(context);
  if (self.has(address) || standard.has(address)) return _URC_NO_REASON;
  *static_cast<bool*>(found) = addon.has(address);
  return _URC_END_OF_STACK;
}

bool is_ours(const void* caller) {
  const auto address = reinterpret_cast<uintptr_t>(caller);
  if (addon.has(address)) return true;
  if (!standard.has(address)) return false;
  bool found = false;
  _Unwind_Backtrace(look, &found);
  return found;
}

void* allocate(size_t size, size_t alignment, const void* caller) {
  const bool ours = addon.end != 0 && is_ours(caller);
  if (ours && first.load() >= 0) {
    const int64_t number = next.fetch_add(1);
    if (number == first.load() || (all_behind.load() && number > first.load())) {
      failed.fetch_add(1);
      return nullptr;
    }
  }
  const size_t wanted = size == 0 ? 1 : size;
  void* memory = alignment <= __STDCPP_DEFAULT_NEW_ALIGNMENT__
                     ? std::malloc(wanted)
                     : std::aligned_alloc(alignment, (wanted + alignment - 1) / alignment * alignment);
  if (ours) {
    const std::lock_guard guard(mutex);
    live().insert(memory);
  }
  return memory;
}

void* or_throw(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void release(void* memory) {
  if (addon.end != 0) {
    const std::lock_guard guard(mutex);
    live().erase(memory);
  }
  std::free(memory);
}

int find(dl_phdr_info* info, size_t, void*) {
  Range range{UINTPTR_MAX, 0};
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& header = info->dlpi_phdr[i];
    if (header.p_type != PT_LOAD || (header.p_flags & PF_X) == 0) continue;
    const uintptr_t begin = info->dlpi_addr + header.p_vaddr;
    if (begin < range.begin) range.begin = begin;
    if (begin + header.p_memsz > range.end) range.end = begin + header.p_memsz;
  }
  if (std::strstr(info->dlpi_name, "gradloom.node") != nullptr) addon = range;
  if (std::strstr(info->dlpi_name, "libstdc++.so") != nullptr) standard = range;
  if (range.has(reinterpret_cast<uintptr_t>(&find))) self = range;
  return 0;
}

napi_value number(napi_env env, int64_t value) {
  napi_value result = nullptr;
  napi_create_int64(env, value, &result);
  return result;
}

// arm(nth, allBehind): from now on the nth allocation fails, counted from 0.
napi_value arm(napi_env env, napi_callback_info info) {
  dl_iterate_phdr(find, nullptr);
  size_t count = 2;
  napi_value args[2];
  napi_get_cb_info(env, info, &count, args, nullptr, nullptr);
  int64_t nth = 0;
  bool behind = false;
  napi_get_value_int64(env, args[0], &nth);
  napi_get_value_bool(env, args[1], &behind);
  next.store(0);
  failed.store(0);
  all_behind.store(behind);
  first.store(nth);
  return nullptr;
}

// How many have failed; none does from now on.
napi_value disarm(napi_env env, napi_callback_info) {
  first.store(-1);
  return number(env, failed.load());
}

// Allocations of the addon that have not been freed.
napi_value count_live(napi_env env, napi_callback_info) {
  const std::lock_guard guard(mutex);
  return number(env, static_cast<int64_t>(live().size()));
}

}  // namespace

#define CALLER __builtin_return_address(0)
void* operator new(size_t size) { return or_throw(allocate(size, 1, CALLER)); }
void* operator new[](size_t size) { return or_throw(allocate(size, 1, CALLER)); }
void* operator new(size_t size, const std::nothrow_t&) noexcept { return allocate(size, 1, CALLER); }
void* operator new[](size_t size, const std::nothrow_t&) noexcept { return allocate(size, 1, CALLER); }
void* operator new(size_t size, std::align_val_t alignment) {
  return or_throw(allocate(size, static_cast<size_t>(alignment), CALLER));
}
void* operator new(size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return allocate(size, static_cast<size_t>(alignment), CALLER);
}
void operator delete(void* memory) noexcept { release(memory); }
void operator delete[](void* memory) noexcept { release(memory); }
void operator delete(void* memory, size_t) noexcept { release(memory); }
void operator delete[](void* memory, size_t) noexcept { release(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { release(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { release(memory); }
void operator delete(void* memory, std::align_val_t, const std::nothrow_t&) noexcept { release(memory); }

NAPI_MODULE_INIT() {
  const auto set = [&](const char* name, napi_callback function) {
    napi_value value = nullptr;
    napi_create_function(env, name, NAPI_AUTO_LENGTH, function, nullptr, &value);
    napi_set_named_property(env, exports, name, value);
  };
  set("arm", arm);
  set("disarm", disarm);
  set("countLive", count_live);
  return exports;
}
