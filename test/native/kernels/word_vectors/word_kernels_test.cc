// The kernels of word vectors against double on every instruction set, at odd widths, misaligned.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "kernels/word_vectors/glove.h"
#include "kernels/word_vectors/negative_sampling.h"
#include "support/compare.h"
#include "support/guarded_buffer.h"
#include "support/random_data.h"
#include "support/simd_targets.h"

using namespace gradloom;
using namespace gradloom::test;

TEST_CASE("negative sampling: losses, factors and gradients of pairs agree with double, also for large products") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(1401);
    for (const int64_t units : {1, 7, 15, 16, 17, 64, 100, 385}) {
      CAPTURE(units);
      constexpr int64_t kPairs = 5;
      constexpr int64_t kTargets = 4;
      const std::vector<float> hidden = random.normal(kPairs * units);
      const int64_t stride = units + 3;
      std::vector<float> table = random.normal(6 * stride);
      for (int64_t i = 0; i < units; ++i) table[static_cast<size_t>(i)] *= 40;  // row 0: sigmoids at their ends
      std::vector<uint32_t> targets;
      for (int64_t i = 0; i < kPairs * kTargets; ++i) targets.push_back(static_cast<uint32_t>(random.integer(0, 5)));
      GuardedBuffer factors(kPairs * kTargets, 1);
      GuardedBuffer gradients(kPairs * units, 1);
      const NegativeSamplingTerms terms{.pairs = kPairs,
                                        .negatives = kTargets - 1,
                                        .units = units,
                                        .hidden = hidden.data(),
                                        .table = table.data(),
                                        .stride = stride,
                                        .targets = targets.data(),
                                        .factors = factors.data(),
                                        .gradients = gradients.data()};
      const double loss = compare_with_targets(terms, 0, 2) + compare_with_targets(terms, 2, kPairs - 2);
      double expected_loss = 0;
      std::vector<double> expected_factors;
      std::vector<double> expected_gradients(static_cast<size_t>(kPairs * units));
      for (int64_t p = 0; p < kPairs; ++p) {
        for (int64_t k = 0; k < kTargets; ++k) {
          const int64_t row = targets[static_cast<size_t>(p * kTargets + k)] * stride;
          double z = 0;
          for (int64_t i = 0; i < units; ++i) {
            z += double{hidden[static_cast<size_t>(p * units + i)]} * double{table[static_cast<size_t>(row + i)]};
          }
          const double against = k == 0 ? -z : z;
          expected_loss += std::max(against, 0.0) + std::log1p(std::exp(-std::abs(against)));
          expected_factors.push_back(1 / (1 + std::exp(-z)) - (k == 0 ? 1 : 0));
          for (int64_t i = 0; i < units; ++i) {
            expected_gradients[static_cast<size_t>(p * units + i)] +=
                expected_factors.back() * double{table[static_cast<size_t>(row + i)]};
          }
        }
      }
      CHECK(loss == doctest::Approx(expected_loss).epsilon(1e-5));
      CHECK(difference(factors.span(), expected_factors, Tolerance{1e-3, 1e-6}) == "");
      CHECK(difference(gradients.span(), expected_gradients, Tolerance{1e-3, 1e-3}) == "");
      CHECK(factors.intact());
      CHECK(gradients.intact());
    }
  });
}

TEST_CASE("glove: a cell of a word with itself, or a repeated one, gives the same on every instruction set") {
  for (const GloveRule rule : {GloveRule::kPaper, GloveRule::kStanford}) {
    for (const int64_t units : {1, 7, 16, 33, 100}) {
      CAPTURE(units);
      RandomData random(1402);
      const std::vector<float> start = random.normal(6 * (units + 1));
      std::vector<double> first;
      for_each_simd_target([&](const std::string& target) {
        CAPTURE(target);
        const int64_t size = 3 * (units + 1);
        GuardedBuffer weights(2 * size, 1);
        GuardedBuffer sums(2 * size, 1);
        std::copy(start.begin(), start.end(), weights.data());
        std::fill_n(sums.data(), 2 * size, 1.0F);
        const GloveTables tables{weights.data(), weights.data() + size, sums.data(), sums.data() + size, units};
        const std::vector<GloveCell> cells = {{0, 0, 1, 0.5F}, {2, 1, 3, 1}, {2, 1, 3, 1}, {1, 2, -1, 0.1F}};
        const double cost = train_glove_cells(rule, 0.05F, tables, cells.data(), 4);
        CHECK(cost > 0);
        const std::vector<double> got(weights.data(), weights.data() + 2 * size);
        if (first.empty()) first = got;
        CHECK(scaled_error(weights.span(), first) < 1e-5);
        CHECK(weights.intact());
        CHECK(sums.intact());
      });
    }
  }
}
