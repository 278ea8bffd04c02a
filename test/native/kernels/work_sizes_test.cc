#include "kernels/work_sizes.h"

#include <doctest/doctest.h>

#include "support/random_data.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

// The tiles follow one another and cover [0, extent) exactly.
template <class Tiles>
bool covers(const Tiles& tiling) {
  int64_t next = 0;
  for (int64_t tile = 0; tile < tiling.count; ++tile) {
    if (tiling.first(tile) != next || tiling.size(tile) < 1) return false;
    next += tiling.size(tile);
  }
  return next == tiling.extent;
}

}  // namespace

TEST_CASE("tilings cover their extent, without empty tiles") {
  RandomData random(61);
  for (int i = 0; i < 2000; ++i) {
    const int64_t extent = random.integer(0, 5000);
    const int64_t pieces = random.integer(0, 40);
    const int64_t multiple = random.pick({1, 4, 16});
    CAPTURE(extent);
    CAPTURE(pieces);
    CAPTURE(multiple);
    const Tiling tiling = cut(extent, pieces, multiple);
    CHECK(covers(tiling));
    CHECK(tiling.count <= std::max<int64_t>(pieces, 1));
    CHECK(tiling.step % multiple == 0);
    CHECK(covers(tile_rows(extent, random.integer(1, 10'000))));
    CHECK(covers(tile_product_rows(extent, random.integer(1, 64), random.integer(1, 3000))));
  }
}

TEST_CASE("samples_of_piece: pieces that fit a cache, where each is worth the trouble and reads few weights anew") {
  const auto in_lanes = [](int64_t count, int64_t batch, int64_t largest, int64_t flops, int64_t weights = 1000) {
    return samples_of_piece(count, batch, {largest, flops, weights, false});
  };
  CHECK(in_lanes(128, 128, 35'840, 10'000'000) == 16);
  CHECK(in_lanes(32, 32, 35'840, 10'000'000) == 16);
  CHECK(in_lanes(31, 31, 35'840, 10'000'000) == 0);
  CHECK(in_lanes(128, 20, 6000, 10'000'000) == 16);  // whole blocks of the batches asked for
  CHECK(in_lanes(128, 15, 6000, 10'000'000) == 0);
  CHECK(in_lanes(10'000, 256, 1296, 1'000'000) == 64);
  CHECK(in_lanes(10'000, 256, 6000, 1'000'000) == 32);
  CHECK(in_lanes(10'000, 256, 20, 50) == 0);
  CHECK(in_lanes(128, 128, 6000, 10'000'000, 5'000'000) == 0);
  CHECK(in_lanes(128, 128, 6000, 100'000'000, 5'000'000) == 32);
  const auto in_rows = [](int64_t count, int64_t batch, int64_t largest, int64_t flops) {
    return samples_of_piece(count, batch, {largest, flops, 1000, true});
  };
  CHECK(in_rows(40, 40, 35'840, 10'000'000) == 5);
  CHECK(in_rows(9, 9, 35'840, 10'000'000) == 0);
  CHECK(in_rows(40, 3, 35'840, 10'000'000) == 3);
  CHECK(in_rows(64, 64, 500'000, 10'000'000) == 1);
  CHECK(in_rows(10'000, 256, 1296, 1'000'000) == 64);
  CHECK(in_rows(10'000, 256, 20, 50) == 0);
}

TEST_CASE("choose_threads: one for tiny models, otherwise what was asked for") {
  CHECK(choose_threads(8, 1000) == 1);
  CHECK(choose_threads(3, 100'000'000) == 3);
  CHECK(choose_threads(0, 100'000'000) >= 1);
  CHECK(choose_threads_of_steps(3, 790'000) == 1);
  CHECK(choose_threads_of_steps(3, 800'000) == 3);
  CHECK(choose_threads_of_call(3, 1'000'000, 10'000'000) == 1);
  CHECK(choose_threads_of_call(3, 1'000'000, 100'000'000) == 3);
  CHECK(choose_threads_of_call(3, 1000, 100'000'000) == 1);
}
