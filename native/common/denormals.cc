#include "common/denormals.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace gradloom {
namespace {

// Of the register that says how a core computes with floats.
#if defined(__x86_64__)
constexpr uint64_t kFlushes = 0x8040;  // MXCSR: flush to zero, denormals are zero
uint64_t control() { return _mm_getcsr(); }
void set_control(uint64_t value) { _mm_setcsr(static_cast<uint32_t>(value)); }
#elif defined(__aarch64__)
constexpr uint64_t kFlushes = uint64_t{1} << 24;  // FPCR: FZ
uint64_t control() {
  uint64_t value;
  asm volatile("mrs %0, fpcr" : "=r"(value));
  return value;
}
void set_control(uint64_t value) { asm volatile("msr fpcr, %0" : : "r"(value)); }
#else
constexpr uint64_t kFlushes = 0;
uint64_t control() { return 0; }
void set_control(uint64_t /*value*/) {}
#endif

// To set the register waits for all that the core has begun.
void change_control(uint64_t from, uint64_t to) {
  if (from != to) set_control(to);
}

}  // namespace

DenormalScope::DenormalScope(Denormals treatment) : previous_(control()) {
  change_control(previous_, treatment == Denormals::kFlushed ? previous_ | kFlushes : previous_ & ~kFlushes);
}

DenormalScope::~DenormalScope() {
  const uint64_t now = control();
  change_control(now, (now & ~kFlushes) | (previous_ & kFlushes));
}

}  // namespace gradloom
