#include "losses/heads_loss.h"

#include <doctest/doctest.h>

#include <limits>
#include <vector>

#include "common/error.h"
#include "support/allocation_counter.h"
#include "support/random_data.h"
#include "support/specs.h"
#include "training/run/objective.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

Spec head(const char* name, const char* kind, double weight, int64_t size) {
  return Spec::Object{{"name", name}, {"loss", loss(kind)}, {"weight", weight}, {"size", size}};
}

Spec three_heads() {
  return Spec::Object{
      {"kind", "heads"},
      {"heads", Spec::List{head("kind", "softmaxCrossEntropy", 1, 3), head("size", "meanSquaredError", 0.5, 2),
                           head("yes", "sigmoidBinaryCrossEntropy", 0.25, 1)}}};
}

struct Head {
  const char* kind;
  double weight;
  int64_t size;
  size_t first;   // output
  size_t target;  // its place
};

constexpr Head kHeads[] = {{"softmaxCrossEntropy", 1, 3, 0, 0},
                           {"meanSquaredError", 0.5, 2, 3, 1},
                           {"sigmoidBinaryCrossEntropy", 0.25, 1, 5, 3}};

}  // namespace

TEST_CASE("heads: value, gradient and parts are those of each head's own loss, row by row and on any team") {
  constexpr int64_t kRows = 131;
  RandomData random(206);
  const std::vector<float> outputs = random.normal(kRows * 6);
  std::vector<float> targets = random.normal(kRows * 4);
  std::vector<float> weights(kRows);
  std::vector<int32_t> classes(kRows);
  for (int64_t row = 0; row < kRows; ++row) {
    const auto i = static_cast<size_t>(row);
    classes[i] = static_cast<int32_t>(row % 3);
    targets[i * 4] = static_cast<float>(classes[i]);
    targets[i * 4 + 3] = static_cast<float>(row % 2);
    weights[i] = static_cast<float>(row % 4) / 2;
  }
  const auto objective = std::make_shared<const Objective>(three_heads(), Spec::List{}, Shape{6});
  for (const int threads : {1, 2, 3}) {
    std::vector<float> gradient(kRows * 6, 9);
    BatchObjective batch(objective, kRows);
    batch.set_targets({nullptr, targets.data(), weights.data()});
    double value = 0;
    Team::run(threads, [&](Team& team) {
      const int64_t before = allocation_count();
      value = batch.compute(team, outputs.data(), gradient.data());
      CHECK(allocation_count() == before);
    });
    ObjectiveTotals totals = objective->empty_totals();
    batch.add_to(totals);
    const ObjectiveResult result = objective->result(totals);
    REQUIRE(result.metrics.size() == 3);
    CHECK(result.loss == doctest::Approx(value).epsilon(1e-12));

    double sum = 0;
    size_t place = 0;
    for (const auto& [kind, weight, size, first, target] : kHeads) {
      double part = 0;
      const auto own = make_loss(loss(kind));
      for (size_t row = 0; row < kRows; ++row) {
        std::vector<float> expected(static_cast<size_t>(size));
        const bool is_class = own->target_kind() == TargetKind::kClass;
        part += own->compute(
            {1,
             size,
             &outputs[row * 6 + first],
             {is_class ? &classes[row] : nullptr, is_class ? nullptr : &targets[row * 4 + target], &weights[row]},
             expected.data(),
             static_cast<float>(weight) * (1.0F / kRows)});
        for (size_t i = 0; i < expected.size(); ++i) {
          CHECK(gradient[row * 6 + first + i] == expected[i]);
        }
      }
      CHECK(result.metrics[place++].number() == doctest::Approx(part / kRows).epsilon(1e-12));
      sum += weight * part / kRows;
    }
    CHECK(value == doctest::Approx(sum).epsilon(1e-12));
  }
}

TEST_CASE("heads: classes beyond a head's outputs, and outputs of another number, are refused") {
  const HeadsLoss heads(three_heads());
  const std::vector<float> good{2, 0, 0, 1};
  heads.check_targets(good.data(), 0);
  for (const float wrong : {3.0F, -1.0F, std::numeric_limits<float>::quiet_NaN()}) {
    const std::vector<float> bad{wrong, 0, 0, 1};
    CHECK_THROWS_WITH_AS(heads.check_targets(bad.data(), 5), "target \"kind\" of sample 5 is no class from 0 to 2",
                         Error);
  }
  CHECK_THROWS_AS(heads.check_outputs(Shape{5}), Error);
}
