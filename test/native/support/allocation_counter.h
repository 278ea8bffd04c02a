// Counts the allocations of all threads of the process, those of libraries included.
#pragma once

#include <cstdint>

namespace gradloom::test {

// Allocations since the program began.
int64_t allocation_count();

}  // namespace gradloom::test
