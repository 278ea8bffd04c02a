#include "kernels/limits.h"

#include <doctest/doctest.h>

#include "support/simd_targets.h"

using namespace gradloom;
using namespace gradloom::test;

TEST_CASE("multiply_add_chains: every chain takes every step, as many operations as are counted") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    const int64_t chains = multiply_add_flops(1) / 2;  // of single floats
    for (const int64_t rounds : {0, 1, 7, 1000}) {
      CAPTURE(rounds);
      CHECK(multiply_add_flops(rounds) == 2 * rounds * chains);
      CHECK(multiply_add_chains(rounds, 1, 1) == static_cast<float>(chains * rounds));
    }
    // x = 2 x + 1 from x to 2^n x + 2^n - 1.
    CHECK(multiply_add_chains(5, 2, 1) == static_cast<float>(31 * chains));
  });
}
