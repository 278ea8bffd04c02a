#include "layers/merging_oracles.h"

#include <algorithm>
#include <numeric>

#include "support/specs.h"

namespace gradloom::test {

Oracle add_layer(RandomData& random, Sizes sizes) {
  const auto count = static_cast<size_t>(random.integer(2, 4));
  return {.spec = plain_layer("add"),
          .inputs = std::vector<Shape>(count, random_samples(random, sizes)),
          .batch = random_batch(random, sizes),
          .forward =
              [](const OracleInputs& given) {
                Values y(given.x[0].size());
                for (const Values& x : given.x) {
                  for (size_t i = 0; i < y.size(); ++i) y[i] += x[i];
                }
                return y;
              },
          .backward =
              [](const OracleInputs& given, const Values& dy) {
                return OracleGradients{std::vector<Values>(given.x.size(), dy), {}};
              }};
}

Oracle concat_layer(RandomData& random, Sizes sizes) {
  const Shape first = random_samples(random, sizes);
  const int axis = static_cast<int>(random.integer(0, first.rank() - 1));
  std::vector<Shape> inputs = {first};
  int64_t outer = 1;
  int64_t inner = 1;
  for (int i = 0; i < first.rank(); ++i) {
    if (i < axis) outer *= first[i];
    if (i > axis) inner *= first[i];
  }
  std::vector<int64_t> lengths = {first[axis] * inner};
  for (int64_t other = random.integer(1, 3); other > 0; --other) {
    std::vector<int64_t> dims;
    for (int i = 0; i < first.rank(); ++i) dims.push_back(i == axis ? random.pick({1, 2, 7}) : first[i]);
    inputs.emplace_back(dims);
    lengths.push_back(dims[static_cast<size_t>(axis)] * inner);
  }
  // Visits every value of every input with its place in the output.
  const auto visit = [=](int64_t batch, const auto& each) {
    const int64_t width = std::accumulate(lengths.begin(), lengths.end(), int64_t{0});
    for (int64_t stretch = 0; stretch < batch * outer; ++stretch) {
      int64_t place = stretch * width;
      for (size_t k = 0; k < lengths.size(); ++k) {
        for (int64_t i = 0; i < lengths[k]; ++i) {
          each(k, static_cast<size_t>(stretch * lengths[k] + i), static_cast<size_t>(place++));
        }
      }
    }
  };
  const bool last = axis == first.rank() - 1 && random.integer(0, 1) == 0;
  return {.spec = concat(last ? -1 : axis),
          .inputs = inputs,
          .batch = random_batch(random, sizes),
          .forward =
              [=](const OracleInputs& given) {
                size_t size = 0;
                for (const Values& x : given.x) size += x.size();
                Values y(size);
                visit(given.batch, [&](size_t k, size_t from, size_t to) { y[to] = given.x[k][from]; });
                return y;
              },
          .backward =
              [=](const OracleInputs& given, const Values& dy) {
                std::vector<Values> dx;
                for (const Values& x : given.x) dx.emplace_back(x.size());
                visit(given.batch, [&](size_t k, size_t from, size_t to) { dx[k][from] = dy[to]; });
                return OracleGradients{dx, {}};
              }};
}

Oracle multiply_layer(RandomData& random, Sizes sizes) {
  const auto count = static_cast<size_t>(random.integer(2, 4));
  // The product of all inputs but one, with `start`.
  const auto but = [](const OracleInputs& given, size_t left_out, Values start) {
    for (size_t k = 0; k < given.x.size(); ++k) {
      if (k == left_out) continue;
      for (size_t i = 0; i < start.size(); ++i) start[i] *= given.x[k][i];
    }
    return start;
  };
  return {.spec = plain_layer("multiply"),
          .inputs = std::vector<Shape>(count, random_samples(random, sizes)),
          .batch = random_batch(random, sizes),
          .forward = [=](const OracleInputs& given) { return but(given, count, Values(given.x[0].size(), 1)); },
          .backward =
              [=](const OracleInputs& given, const Values& dy) {
                std::vector<Values> dx;
                for (size_t k = 0; k < count; ++k) dx.push_back(but(given, k, dy));
                return OracleGradients{dx, {}};
              }};
}

Oracle in_batch_negatives_layer(RandomData& random, Sizes sizes) {
  const Shape shape = {sizes == Sizes::kTiny ? random.pick({1, 2, 3}) : random.pick({1, 2, 7, 16, 17, 33})};
  const int64_t count = sizes == Sizes::kTiny ? random.pick({1, 2, 4}) : random.pick({1, 3, 16, 40, 150});
  const int64_t width = shape[0];
  // A constant, whose size would drown the differences that tiny sizes are for.
  const double none = sizes == Sizes::kTiny ? 0 : -1e9;
  // Visits pair n, its place k and the second half m that it meets there; nothing where there is no score.
  const auto visit = [=](const OracleInputs& given, const auto& each) {
    const auto half = [&](int64_t m) { return given.x[1].begin() + m * width; };
    for (int64_t n = 0; n < given.batch; ++n) {
      for (int64_t k = 0; k <= std::min(count, given.batch - 1); ++k) {
        const int64_t m = (n + k) % given.batch;
        if (k == 0 || !std::equal(half(n), half(n) + width, half(m))) each(n, k, m);
      }
    }
  };
  // Jobs take some of a large batch's pairs with the pairs behind them.
  const int64_t batch = random_batch(random, sizes);
  return {.spec = in_batch_negatives(count),
          .inputs = {shape, shape},
          .batch = sizes == Sizes::kTiny ? batch : random.pick({batch, int64_t{70}, int64_t{130}, int64_t{200}}),
          .forward =
              [=](const OracleInputs& given) {
                Values y(static_cast<size_t>(given.batch * (1 + count)), none);
                visit(given, [&](int64_t n, int64_t k, int64_t m) {
                  double& score = y[static_cast<size_t>(n * (1 + count) + k)];
                  score = 0;
                  for (int64_t d = 0; d < width; ++d) {
                    score +=
                        given.x[0][static_cast<size_t>(n * width + d)] * given.x[1][static_cast<size_t>(m * width + d)];
                  }
                });
                return y;
              },
          .backward =
              [=](const OracleInputs& given, const Values& dy) {
                Values du(given.x[0].size());
                Values dv(given.x[1].size());
                visit(given, [&](int64_t n, int64_t k, int64_t m) {
                  const double g = dy[static_cast<size_t>(n * (1 + count) + k)];
                  for (int64_t d = 0; d < width; ++d) {
                    const auto at_n = static_cast<size_t>(n * width + d);
                    const auto at_m = static_cast<size_t>(m * width + d);
                    du[at_n] += g * given.x[1][at_m];
                    dv[at_m] += g * given.x[0][at_n];
                  }
                });
                return OracleGradients{{du, dv}, {}};
              }};
}

Oracle dot_layer(RandomData& random, Sizes sizes) {
  const Shape shape = random_samples(random, sizes);
  const auto width = static_cast<size_t>(shape.back());
  const auto scaled = [=](const Values& x, const Values& dy) {
    Values gradient;
    for (size_t i = 0; i < x.size(); ++i) gradient.push_back(dy[i / width] * x[i]);
    return gradient;
  };
  return {.spec = plain_layer("dot"),
          .inputs = {shape, shape},
          .batch = random_batch(random, sizes),
          .forward =
              [=](const OracleInputs& given) {
                Values y(given.x[0].size() / width);
                for (size_t i = 0; i < given.x[0].size(); ++i) y[i / width] += given.x[0][i] * given.x[1][i];
                return y;
              },
          .backward =
              [=](const OracleInputs& given, const Values& dy) {
                return OracleGradients{{scaled(given.x[1], dy), scaled(given.x[0], dy)}, {}};
              }};
}

}  // namespace gradloom::test
