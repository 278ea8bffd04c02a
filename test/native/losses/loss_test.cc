#include "losses/loss.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <map>

#include "kernels/reference/losses.h"
#include "support/compare.h"
#include "support/guarded_buffer.h"
#include "support/random_data.h"
#include "support/simd_targets.h"
#include "support/specs.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

// One row's loss, as reference/losses.h computes it.
using Reference = double (*)(int64_t columns, const double* outputs, int32_t target_class, const double* targets,
                             double* gradient);

const std::map<std::string, Reference>& references() {
  static const std::map<std::string, Reference> table = {
      {"meanSquaredError", [](int64_t columns, const double* y, int32_t, const double* t,
                              double* gradient) { return reference::mean_squared_error(columns, y, t, gradient); }},
      {"sigmoidBinaryCrossEntropy",
       [](int64_t columns, const double* z, int32_t, const double* t, double* gradient) {
         return reference::sigmoid_binary_cross_entropy(columns, z, t, gradient);
       }},
      {"softmaxCrossEntropy",
       [](int64_t columns, const double* z, int32_t target, const double*, double* gradient) {
         return reference::softmax_cross_entropy(columns, z, target, gradient);
       }},
  };
  return table;
}

struct Batch {
  int64_t rows;
  int64_t columns;
  std::vector<float> outputs;
  std::vector<int32_t> classes;
  std::vector<float> values;
};

Batch random_batch(RandomData& random, int64_t rows, int64_t columns, float spread) {
  Batch batch{rows, columns, random.normal(rows * columns), {}, {}};
  for (float& v : batch.outputs) v *= spread;
  for (int64_t i = 0; i < rows; ++i) batch.classes.push_back(static_cast<int32_t>(random.integer(0, columns - 1)));
  for (int64_t i = 0; i < rows * columns; ++i) batch.values.push_back(static_cast<float>(random.unit()));
  return batch;
}

Targets targets_of(const Loss& loss, const Batch& batch) {
  return loss.target_kind() == TargetKind::kClass ? Targets{batch.classes.data(), nullptr}
                                                  : Targets{nullptr, batch.values.data()};
}

double compute(const Loss& loss, const Batch& batch, float scale, float* gradient) {
  return loss.compute({batch.rows, batch.columns, batch.outputs.data(), targets_of(loss, batch), gradient, scale});
}

void check_batch(const std::string& kind, const Batch& batch) {
  const auto loss = make_loss(Spec::Object{{"kind", kind}});
  const float scale = 1.0F / static_cast<float>(batch.rows);
  double expected = 0;
  std::vector<double> expected_gradient(batch.outputs.size());
  const std::vector<double> outputs = to_double(batch.outputs);
  const std::vector<double> values = to_double(batch.values);
  for (int64_t n = 0; n < batch.rows; ++n) {
    const int64_t at = n * batch.columns;
    expected += references().at(kind)(batch.columns, outputs.data() + at, batch.classes[static_cast<size_t>(n)],
                                      values.data() + at, expected_gradient.data() + at);
  }
  double largest = scale;
  for (double& g : expected_gradient) {
    g *= scale;
    largest = std::max(largest, std::abs(g));
  }

  GuardedBuffer gradient(batch.rows * batch.columns, 1);
  const double value = compute(*loss, batch, scale, gradient.data());
  CHECK(value == doctest::Approx(expected).epsilon(1e-6).scale(static_cast<double>(batch.rows)));
  CHECK(difference(gradient.span(), expected_gradient, Tolerance{0, 16 * kRoundoff * largest}) == "");
  CHECK(gradient.intact());
  CHECK(compute(*loss, batch, scale, nullptr) == doctest::Approx(value).epsilon(1e-12));
}

}  // namespace

TEST_CASE("losses: every kind in the registry has a reference, and the other way round") {
  std::vector<std::string> kinds;
  for (const auto& [kind, reference] : references()) kinds.push_back(kind);
  CHECK(kinds == loss_kinds());
  CHECK(error_of([] {
          make_loss(Spec::Object{{"kind", "hinge"}});
        }) == "UNKNOWN_KIND: there is no loss of kind \"hinge\"");
  CHECK(contains(error_of([] { make_loss(Spec::Object{}); }), "attribute \"kind\" is missing"));
}

TEST_CASE("losses: value and gradient agree with the reference at every width, on every instruction set") {
  for (const auto& [kind, reference] : references()) {
    for_each_simd_target([&, &kind = kind](const std::string& target) {
      RandomData random(201);
      for (const int64_t rows : {1, 7, 33}) {
        for (const int64_t columns : {1, 2, 3, 7, 8, 10, 15, 16, 17, 33, 300}) {
          for (const float spread : {1.0F, 30.0F}) {
            CAPTURE(kind);
            CAPTURE(target);
            CAPTURE(rows);
            CAPTURE(columns);
            CAPTURE(spread);
            check_batch(kind, random_batch(random, rows, columns, spread));
          }
        }
      }
    });
  }
}

TEST_CASE("losses: extreme logits give finite values and gradients") {
  for (const std::string kind : {"softmaxCrossEntropy", "sigmoidBinaryCrossEntropy"}) {
    const auto loss = make_loss(Spec::Object{{"kind", kind}});
    for (const float z : {100.0F, 1e4F, 3e38F}) {
      for (const int32_t target : {0, 1}) {
        CAPTURE(kind);
        CAPTURE(z);
        const Batch batch{1, 2, {z, -z}, {target}, {static_cast<float>(1 - target), static_cast<float>(target)}};
        std::vector<float> gradient(2);
        const double value = compute(*loss, batch, 1, gradient.data());
        CHECK(std::isfinite(value));
        CHECK(value >= 0);
        // The right answer costs nothing, the wrong one the distance of the logits.
        const double wrong = loss->target_kind() == TargetKind::kClass ? 2.0 * z : z;
        CHECK(value == doctest::Approx(target == 0 ? 0 : wrong).epsilon(1e-6));
        CHECK(std::isfinite(gradient[0]));
        CHECK(std::isfinite(gradient[1]));
      }
    }
  }
}

TEST_CASE("losses: an output or target that is not finite makes the value not finite, wherever it stands") {
  RandomData random(202);
  for (const auto& [kind, reference] : references()) {
    const auto loss = make_loss(Spec::Object{{"kind", kind}});
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), INFINITY}) {
      for (const int64_t columns : {2, 17, 300}) {
        for (int64_t at = 0; at < columns; ++at) {
          CAPTURE(kind);
          CAPTURE(at);
          Batch batch = random_batch(random, 3, columns, 1);
          batch.outputs[static_cast<size_t>(columns + at)] = bad;
          std::vector<float> gradient(batch.outputs.size());
          CHECK_FALSE(std::isfinite(compute(*loss, batch, 1, gradient.data())));
          CHECK_FALSE(std::isfinite(compute(*loss, batch, 1, nullptr)));
          if (loss->target_kind() == TargetKind::kValues) {
            batch = random_batch(random, 3, columns, 1);
            batch.values[static_cast<size_t>(at)] = bad;
            CHECK_FALSE(std::isfinite(compute(*loss, batch, 1, gradient.data())));
          }
        }
      }
    }
  }
}

TEST_CASE("losses: the gradient is written everywhere, also where the value is not finite") {
  for (const auto& [kind, reference] : references()) {
    CAPTURE(kind);
    const auto loss = make_loss(Spec::Object{{"kind", kind}});
    RandomData random(203);
    Batch batch = random_batch(random, 2, 5, 1);
    batch.outputs[1] = std::numeric_limits<float>::quiet_NaN();
    std::vector<float> gradient(10, 77.0F);
    compute(*loss, batch, 1, gradient.data());
    for (const float g : gradient) CHECK(g != 77.0F);
    CHECK(std::isnan(gradient[1]));
  }
}

TEST_CASE("softmaxCrossEntropy: takes [classes] with at least two of them") {
  const auto loss = make_loss(Spec::Object{{"kind", "softmaxCrossEntropy"}});
  CHECK(error_of([&] { loss->check_outputs({2}); }).empty());
  CHECK(contains(error_of([&] { loss->check_outputs({1}); }),
                 "SHAPE_MISMATCH: softmaxCrossEntropy: the model's outputs"));
  CHECK(contains(error_of([&] { loss->check_outputs({3, 3, 10}); }), "[3, 3, 10]"));
}
