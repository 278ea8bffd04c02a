// Threads: 1 and 3.
#include "layers/reshaping/resize2d.h"

#include <doctest/doctest.h>

#include "support/compare.h"
#include "support/layer_run.h"
#include "support/random_data.h"
#include "support/specs.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

// out[n][h][w][c] = in[n][source_h(h)][source_w(w)][c], zero where there is no source (-1); gradients go back the same
// way, row by row.
struct Expected {
  std::vector<float> y, dx;
};

template <class Source>
Expected by_sources(const Layer& layer, const LayerCase& given, Source source) {
  const Shape& in = layer.input_shape();
  const Shape& out = layer.output_shape();
  Expected result{std::vector<float>(given.dy.size()), std::vector<float>(given.x.size())};
  for (int64_t n = 0; n < given.batch; ++n) {
    for (int64_t h = 0; h < out[0]; ++h) {
      for (int64_t w = 0; w < out[1]; ++w) {
        const auto [from_h, from_w] = source(h, w);
        if (from_h < 0 || from_h >= in[0] || from_w < 0 || from_w >= in[1]) continue;
        for (int64_t c = 0; c < out[2]; ++c) {
          const auto o = static_cast<size_t>(((n * out[0] + h) * out[1] + w) * out[2] + c);
          const auto i = static_cast<size_t>(((n * in[0] + from_h) * in[1] + from_w) * in[2] + c);
          result.y[o] = given.x[i];
          result.dx[i] += given.dy[o];
        }
      }
    }
  }
  return result;
}

template <class Source>
void check_sources(const Layer& layer, RandomData& random, Source source) {
  for (const int64_t batch : {1, 7, 16, 33}) {
    for (const Layout offered : {Layout::kRows, Layout::kLanes}) {
      for (const int threads : {1, 3}) {
        LayerCase given = integer_case(layer, batch, random);
        given.offered = offered;
        given.threads = threads;
        const LayerResult result = run_layer(layer, given);
        const Expected expected = by_sources(layer, given, source);
        CHECK(result.broken_rules == "");
        CHECK(difference_in_bits(result.y, expected.y) == "");
        CHECK(result.dx == expected.dx);
      }
    }
  }
}

struct Source {
  int64_t h, w;
};

}  // namespace

TEST_CASE("zeroPad2d: zeros on the sides that were asked for, in rows and lanes") {
  RandomData random(811);
  for (const Shape& input : {Shape{1, 1, 1}, Shape{5, 7, 3}, Shape{4, 3, 10}}) {
    for (const std::array<int64_t, 4>& p :
         {std::array<int64_t, 4>{0, 0, 0, 0}, {1, 1, 1, 1}, {2, 0, 0, 3}, {0, 3, 2, 1}}) {
      const ZeroPad2d layer(zero_pad2d({p[0], p[1], p[2], p[3]}), input);
      CHECK(layer.output_shape() == Shape{input[0] + p[0] + p[1], input[1] + p[2] + p[3], input[2]});
      check_sources(layer, random, [&](int64_t h, int64_t w) { return Source{h - p[0], w - p[2]}; });
    }
  }
}

TEST_CASE("upsample2d: every pixel fills its block, its gradient is the block's sum, in rows and lanes") {
  RandomData random(812);
  for (const Shape& input : {Shape{1, 1, 1}, Shape{5, 7, 3}, Shape{4, 3, 10}}) {
    for (const Extent2d& f : {Extent2d{1, 1}, Extent2d{2, 2}, Extent2d{1, 3}, Extent2d{3, 2}}) {
      const Upsample2d layer(upsample2d({f.height, f.width}), input);
      CHECK(layer.output_shape() == Shape{input[0] * f.height, input[1] * f.width, input[2]});
      check_sources(layer, random, [&](int64_t h, int64_t w) { return Source{h / f.height, w / f.width}; });
    }
  }
}

TEST_CASE("zeroPad2d, upsample2d: refuse what is no image, wrong numbers and sizes beyond any memory") {
  CHECK(error_of([] {
          ZeroPad2d(zero_pad2d({1, 1, 1, 1}), {5, 7});
        }) == "SHAPE_MISMATCH: zeroPad2d \"zeroPad2d_1\" takes images [height, width, channels], got [5, 7]");
  CHECK(contains(error_of([] { ZeroPad2d(zero_pad2d({1, 1, 1}), {5, 7, 1}); }), "must have 4 entries, got 3"));
  CHECK(contains(error_of([] { ZeroPad2d(zero_pad2d({-1, 1, 1, 1}), {5, 7, 1}); }), "INVALID_SPEC"));
  CHECK(contains(error_of([] { Upsample2d(upsample2d({0, 1}), {5, 7, 1}); }), "INVALID_SPEC"));
  CHECK(contains(error_of([] { Upsample2d(upsample2d({1e9, 1e9}), {5, 7, 1}); }), "SHAPE_TOO_LARGE"));
  CHECK(contains(error_of([] { ZeroPad2d(zero_pad2d({1e15, 1e15, 0, 0}), {5, 7, 1}); }), "SHAPE_TOO_LARGE"));
}
