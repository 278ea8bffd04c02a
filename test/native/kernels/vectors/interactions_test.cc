#include "kernels/vectors/interactions.h"

#include <doctest/doctest.h>

#include <numeric>

#include "kernels/reference/interactions.h"
#include "support/compare.h"
#include "support/guarded_buffer.h"
#include "support/random_data.h"

using namespace gradloom;
using namespace gradloom::test;

TEST_CASE("interactions: pairs and their sum, forward and back, integers exactly at every width") {
  RandomData random(71);
  for (const int64_t fields : {2, 3, 5}) {
    for (int64_t width = 1; width <= 70; ++width) {
      CAPTURE(fields);
      CAPTURE(width);
      const int64_t pairs = fields * (fields - 1) / 2;
      GuardedBuffer x(random.integers(fields * width), 1);
      GuardedBuffer dy(random.integers(pairs), 2);
      GuardedBuffer y(pairs, 3);
      GuardedBuffer sums(width, 1);
      GuardedBuffer dx(fields * width, 2);
      const std::vector<double> exact = to_double(x.values());
      const std::vector<double> dots = reference::pair_dots(exact.data(), fields, width);
      pair_dots(x.data(), fields, width, y.data());
      CHECK(difference(y.span(), dots, Tolerance{0, 0}) == "");
      CHECK(sum_pair_dots(x.data(), fields, width, sums.data()) == std::accumulate(dots.begin(), dots.end(), 0.0));

      std::vector<double> expected(static_cast<size_t>(fields * width));
      reference::pair_dots_backward(exact.data(), to_double(dy.values()).data(), fields, width, expected.data());
      pair_dots_backward(x.data(), dy.data(), fields, width, dx.data());
      CHECK(difference(dx.span(), expected, Tolerance{0, 0}) == "");

      const std::vector<double> same(static_cast<size_t>(pairs), 3.0);
      reference::pair_dots_backward(exact.data(), same.data(), fields, width, expected.data());
      sum_pair_dots_backward(x.data(), sums.data(), 3.0F, fields, width, dx.data());
      CHECK(difference(dx.span(), expected, Tolerance{0, 0}) == "");
      CHECK((y.intact() && sums.intact() && dx.intact()));
    }
  }
}
