// Where threads race for the rows of tables of one float a row (Duplicates::kHogwild) each of them updates a copy of a
// row and its states, in memory of its own.
#pragma once

#include <cstdint>

#include "common/aligned_buffer.h"
#include "training/run/learner.h"

namespace gradloom {

class HogwildBuffers {
 public:
  // Without memory where nobody races.
  HogwildBuffers(const Learner& learner, int threads);

  // Null for -1, which is no thread.
  float* of(int thread) { return thread < 0 ? nullptr : memory_.data() + thread * stride_; }

 private:
  int64_t stride_ = 0;
  AlignedBuffer memory_;
};

}  // namespace gradloom
