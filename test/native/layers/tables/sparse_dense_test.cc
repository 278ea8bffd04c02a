#include <doctest/doctest.h>

#include <limits>
#include <memory>

#include "layers/registry.h"
#include "support/compare.h"
#include "support/layer_run.h"
#include "support/random_data.h"
#include "support/specs.h"

using namespace gradloom;
using namespace gradloom::test;

// Threads: 1, 2 and 3.
TEST_CASE("sparseDense: one unit sums entries as they stand to the bits of sums by groups") {
  RandomData random(914);
  for (const int64_t features : {int64_t{2049}, int64_t{5000}, int64_t{50'000}}) {
    const auto layer = make_layer(sparse_dense({.units = 1}), {features});
    for (const int64_t batch : {1, 40, 4000}) {
      LayerCase given = normal_case(*layer, batch, random);
      given.place = GradientPlace::kBufferOfSink;  // by groups
      const LayerResult grouped = run_layer(*layer, given);
      CHECK(grouped.broken_rules == "");
      given.place = GradientPlace::kScratchOfLayer;
      for (const int threads : {1, 2, 3}) {
        CAPTURE(features);
        CAPTURE(batch);
        CAPTURE(threads);
        given.threads = threads;
        const LayerResult summed = run_layer(*layer, given);
        CHECK(summed.broken_rules == "");
        CHECK(difference_in_bits(summed.gradients[0], grouped.gradients[0]) == "");
        CHECK(difference_in_bits(summed.gradients[1], grouped.gradients[1]) == "");
      }
    }
  }
}
