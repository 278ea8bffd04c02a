// Denormal floats, those nearer to zero than 2^-126. A core takes some hundred cycles for each that it meets or makes,
// and gradients of samples that a net has learned are such: a step then takes five times as long.
#pragma once

#include <cstdint>

namespace gradloom {

enum class Denormals {
  kKept,
  kFlushed,  // count as zero, as operands and as results
};

// How the calling thread treats them while an object of this lives.
class DenormalScope {
 public:
  explicit DenormalScope(Denormals treatment);
  ~DenormalScope();
  DenormalScope(const DenormalScope&) = delete;
  DenormalScope& operator=(const DenormalScope&) = delete;

 private:
  uint64_t previous_;
};

}  // namespace gradloom
