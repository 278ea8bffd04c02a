#include "losses/loss.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <set>

#include "kernels/reference/losses.h"
#include "support/compare.h"
#include "support/gradient_check.h"
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

// Options that are not the defaults.
constexpr double kBend = 0.7;
constexpr double kSmoothing = 0.2;
std::vector<double> weights_of(int64_t columns) {
  std::vector<double> weights(static_cast<size_t>(columns));
  for (size_t i = 0; i < weights.size(); ++i) weights[i] = static_cast<double>(i % 4) / 2 + 0.5;
  return weights;
}
Spec::List list_of(const std::vector<double>& values) { return {values.begin(), values.end()}; }

// A loss as it is built for so many outputs, and its twin.
struct Example {
  std::string name;
  Spec::Object (*spec)(int64_t columns);
  Reference reference;
  std::string kind() const { return Spec(spec(2)).string("kind"); }
};

const std::vector<Example>& examples() {
  static const std::vector<Example> table = {
      {"hinge", [](int64_t) { return loss("hinge"); },
       [](int64_t columns, const double* y, int32_t, const double* t, double* g) {
         return reference::hinge(columns, y, t, 1, g);
       }},
      {"huber",
       [](int64_t) {
         return Spec::Object{{"kind", "huber"}, {"delta", kBend}};
       },
       [](int64_t columns, const double* y, int32_t, const double* t, double* g) {
         return reference::huber(columns, y, t, kBend, g);
       }},
      {"meanAbsoluteError", [](int64_t) { return loss("meanAbsoluteError"); },
       [](int64_t columns, const double* y, int32_t, const double* t, double* g) {
         return reference::mean_absolute_error(columns, y, t, g);
       }},
      {"meanSquaredError", [](int64_t) { return loss("meanSquaredError"); },
       [](int64_t columns, const double* y, int32_t, const double* t, double* g) {
         return reference::mean_squared_error(columns, y, t, g);
       }},
      {"poisson", [](int64_t) { return loss("poisson"); },
       [](int64_t columns, const double* y, int32_t, const double* t, double* g) {
         return reference::poisson(columns, y, t, g);
       }},
      {"sigmoidBinaryCrossEntropy", [](int64_t) { return loss("sigmoidBinaryCrossEntropy"); },
       [](int64_t columns, const double* y, int32_t, const double* t, double* g) {
         const std::vector<double> ones(static_cast<size_t>(columns), 1.0);
         return reference::sigmoid_binary_cross_entropy(columns, y, t, ones.data(), g);
       }},
      {"sigmoidBinaryCrossEntropy with positive weights",
       [](int64_t columns) {
         return Spec::Object{{"kind", "sigmoidBinaryCrossEntropy"}, {"positiveWeight", list_of(weights_of(columns))}};
       },
       [](int64_t columns, const double* y, int32_t, const double* t, double* g) {
         return reference::sigmoid_binary_cross_entropy(columns, y, t, weights_of(columns).data(), g);
       }},
      {"smoothL1",
       [](int64_t) {
         return Spec::Object{{"kind", "smoothL1"}, {"beta", kBend}};
       },
       [](int64_t columns, const double* y, int32_t, const double* t, double* g) {
         return reference::smooth_l1(columns, y, t, kBend, g);
       }},
      {"softmaxCrossEntropy", [](int64_t) { return loss("softmaxCrossEntropy"); },
       [](int64_t columns, const double* y, int32_t target, const double*, double* g) {
         return reference::softmax_cross_entropy(columns, y, target, g);
       }},
      {"softmaxCrossEntropy with smoothing and class weights",
       [](int64_t columns) {
         return Spec::Object{{"kind", "softmaxCrossEntropy"},
                             {"targets", "classes"},
                             {"labelSmoothing", kSmoothing},
                             {"classWeights", list_of(weights_of(columns))}};
       },
       [](int64_t columns, const double* y, int32_t target, const double*, double* g) {
         std::vector<double> q = weights_of(columns);
         for (int64_t i = 0; i < columns; ++i) {
           q[static_cast<size_t>(i)] *= (i == target ? 1 - kSmoothing : 0) + kSmoothing / static_cast<double>(columns);
         }
         return reference::softmax_cross_entropy(columns, y, q.data(), g);
       }},
      {"softmaxCrossEntropy of distributions",
       [](int64_t columns) {
         return Spec::Object{{"kind", "softmaxCrossEntropy"},
                             {"targets", "distributions"},
                             {"labelSmoothing", kSmoothing},
                             {"classWeights", list_of(weights_of(columns))}};
       },
       [](int64_t columns, const double* y, int32_t, const double* t, double* g) {
         std::vector<double> q = weights_of(columns);
         for (int64_t i = 0; i < columns; ++i) {
           q[static_cast<size_t>(i)] *= (1 - kSmoothing) * t[i] + kSmoothing / static_cast<double>(columns);
         }
         return reference::softmax_cross_entropy(columns, y, q.data(), g);
       }},
      {"squaredHinge", [](int64_t) { return loss("squaredHinge"); },
       [](int64_t columns, const double* y, int32_t, const double* t, double* g) {
         return reference::hinge(columns, y, t, 2, g);
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
  std::vector<float> weights;
};

// Targets of hinge losses are signs; all others take what lies between 0 and 1.
Batch random_batch(RandomData& random, const std::string& kind, int64_t rows, int64_t columns, float spread) {
  Batch batch{rows, columns, random.normal(rows * columns), {}, {}, {}};
  const bool signs = contains(kind, "inge");
  if (kind == "poisson") spread = std::min(spread, 3.0F);  // e^90 is beyond float
  for (float& v : batch.outputs) v *= spread;
  for (int64_t i = 0; i < rows; ++i) batch.classes.push_back(static_cast<int32_t>(random.integer(0, columns - 1)));
  for (int64_t i = 0; i < rows * columns; ++i) {
    const auto value = static_cast<float>(random.unit());
    batch.values.push_back(!signs ? value : value < 0.5F ? -1.0F : 1.0F);
  }
  for (int64_t i = 0; i < rows; ++i) batch.weights.push_back(static_cast<float>(random.integer(0, 3)) / 2);
  return batch;
}

Targets targets_of(const Loss& loss, const Batch& batch, bool weighted = false) {
  const float* weights = weighted ? batch.weights.data() : nullptr;
  return loss.target_kind() == TargetKind::kClass ? Targets{batch.classes.data(), nullptr, weights}
                                                  : Targets{nullptr, batch.values.data(), weights};
}

double compute(const Loss& loss, const Batch& batch, float scale, float* gradient, bool weighted = false) {
  return loss.compute(
      {batch.rows, batch.columns, batch.outputs.data(), targets_of(loss, batch, weighted), gradient, scale});
}

void check_batch(const Example& example, const Batch& batch, bool weighted) {
  const auto loss = make_loss(example.spec(batch.columns));
  const float scale = 1.0F / static_cast<float>(batch.rows);
  double expected = 0;
  std::vector<double> expected_gradient(batch.outputs.size());
  const std::vector<double> outputs = to_double(batch.outputs);
  const std::vector<double> values = to_double(batch.values);
  double largest = scale;
  double largest_value = 1;
  for (int64_t n = 0; n < batch.rows; ++n) {
    const int64_t at = n * batch.columns;
    const double weight = weighted ? batch.weights[static_cast<size_t>(n)] : 1;
    const double value =
        weight * example.reference(batch.columns, outputs.data() + at, batch.classes[static_cast<size_t>(n)],
                                   values.data() + at, expected_gradient.data() + at);
    expected += value;
    largest_value = std::max(largest_value, std::abs(value));
    for (int64_t i = at; i < at + batch.columns; ++i) {
      double& g = expected_gradient[static_cast<size_t>(i)];
      g *= scale * weight;
      largest = std::max(largest, std::abs(g));
    }
  }

  GuardedBuffer gradient(batch.rows * batch.columns, 1);
  const double value = compute(*loss, batch, scale, gradient.data(), weighted);
  CHECK(value == doctest::Approx(expected).epsilon(1e-6).scale(static_cast<double>(batch.rows) * largest_value));
  CHECK(difference(gradient.span(), expected_gradient, Tolerance{0, 16 * kRoundoff * largest}) == "");
  CHECK(gradient.intact());
  CHECK(compute(*loss, batch, scale, nullptr, weighted) == doctest::Approx(value).epsilon(1e-12));
}

// Weights of halves and a scale of a quarter keep every sum and product exact.
void check_integers(const Example& example, const Batch& batch) {
  constexpr float kScale = 0.25F;
  const std::vector<double> outputs = to_double(batch.outputs);
  const std::vector<double> values = to_double(batch.values);
  std::vector<double> expected_gradient(outputs.size());
  double expected = 0;
  for (int64_t n = 0; n < batch.rows; ++n) {
    const int64_t at = n * batch.columns;
    const double weight = batch.weights[static_cast<size_t>(n)];
    expected += weight * example.reference(batch.columns, outputs.data() + at, batch.classes[static_cast<size_t>(n)],
                                           values.data() + at, expected_gradient.data() + at);
    for (int64_t i = at; i < at + batch.columns; ++i) expected_gradient[static_cast<size_t>(i)] *= weight * kScale;
  }
  std::vector<float> gradient(outputs.size());
  CHECK(compute(*make_loss(example.spec(batch.columns)), batch, kScale, gradient.data(), true) == expected);
  CHECK(difference(gradient, expected_gradient, Tolerance{}) == "");
}

}  // namespace

TEST_CASE("losses: every kind in the registry has a reference, and the other way round") {
  std::set<std::string> kinds;
  for (const Example& example : examples()) kinds.insert(example.kind());
  const std::vector<std::string> registered = loss_kinds();
  CHECK(kinds == std::set<std::string>(registered.begin(), registered.end()));
  CHECK(error_of([] {
          make_loss(Spec::Object{{"kind", "unhinged"}});
        }) == "UNKNOWN_KIND: there is no loss of kind \"unhinged\"");
  CHECK(contains(error_of([] { make_loss(Spec::Object{}); }), "attribute \"kind\" is missing"));
}

TEST_CASE("losses: the references' gradients against central differences in double, 24 widths each") {
  for (const Example& example : examples()) {
    RandomData random(204);
    for (int64_t columns = 1; columns <= 24; ++columns) {
      CAPTURE(example.name);
      CAPTURE(columns);
      const Batch batch = random_batch(random, example.kind(), 1, columns, 2);
      const std::vector<double> targets = to_double(batch.values);
      std::vector<double> outputs = to_double(batch.outputs);
      std::vector<double> gradient(outputs.size());
      std::vector<double> unused(outputs.size());
      const auto value = [&](std::vector<double>& into) {
        return example.reference(columns, outputs.data(), batch.classes[0], targets.data(), into.data());
      };
      value(gradient);
      CHECK(gradient_difference(gradient, outputs, [&] { return value(unused); }) == "");
    }
  }
}

TEST_CASE("losses: integers exactly over 500 shapes each, but for those of exponentials") {
  std::set<std::string> seen = {"poisson", "sigmoidBinaryCrossEntropy", "softmaxCrossEntropy"};
  for (Example example : examples()) {
    if (seen.contains(example.kind())) continue;
    seen.insert(example.kind());
    // Bends that are exact in float.
    if (example.kind() == "huber") {
      example.spec = [](int64_t) { return Spec::Object{{"kind", "huber"}, {"delta", 2}}; };
      example.reference = [](int64_t columns, const double* y, int32_t, const double* t, double* g) {
        return reference::huber(columns, y, t, 2, g);
      };
    } else if (example.kind() == "smoothL1") {
      example.spec = [](int64_t) { return Spec::Object{{"kind", "smoothL1"}, {"beta", 2}}; };
      example.reference = [](int64_t columns, const double* y, int32_t, const double* t, double* g) {
        return reference::smooth_l1(columns, y, t, 2, g);
      };
    }
    RandomData random(205);
    for (int i = 0; i < 500; ++i) {
      CAPTURE(example.name);
      CAPTURE(i);
      // A mean over a power of two is exact.
      const int64_t columns = random.pick({1, 2, 4, 8, 16, 32, 64});
      Batch batch = random_batch(random, example.kind(), random.integer(1, 33), columns, 1);
      batch.outputs = random.integers(batch.rows * columns);
      if (!contains(example.kind(), "inge")) batch.values = random.integers(batch.rows * columns);
      check_integers(example, batch);
    }
  }
  const std::vector<std::string> kinds = loss_kinds();
  CHECK(seen == std::set<std::string>(kinds.begin(), kinds.end()));
}

TEST_CASE("losses: value and gradient agree with the reference at every width, on every instruction set") {
  for (const Example& example : examples()) {
    for_each_simd_target([&](const std::string& target) {
      RandomData random(201);
      for (const int64_t rows : {1, 7, 33}) {
        for (const int64_t columns : {1, 2, 3, 7, 8, 10, 15, 16, 17, 33, 300}) {
          for (const float spread : {1.0F, 30.0F}) {
            CAPTURE(example.name);
            CAPTURE(target);
            CAPTURE(rows);
            CAPTURE(columns);
            CAPTURE(spread);
            const Batch batch = random_batch(random, example.kind(), rows, columns, spread);
            check_batch(example, batch, false);
            check_batch(example, batch, true);
          }
        }
      }
    });
  }
}

TEST_CASE("losses: extreme logits give finite values and gradients") {
  for (const char* kind : {"softmaxCrossEntropy", "sigmoidBinaryCrossEntropy"}) {
    const auto loss = make_loss(test::loss(kind));
    for (const float z : {100.0F, 1e4F, 3e38F}) {
      for (const int32_t target : {0, 1}) {
        CAPTURE(kind);
        CAPTURE(z);
        const Batch batch{1, 2, {z, -z}, {target}, {static_cast<float>(1 - target), static_cast<float>(target)}, {}};
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
  for (const Example& example : examples()) {
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), INFINITY}) {
      for (const int64_t columns : {2, 17, 300}) {
        const auto loss = make_loss(example.spec(columns));
        for (int64_t at = 0; at < columns; ++at) {
          CAPTURE(example.name);
          CAPTURE(at);
          Batch batch = random_batch(random, example.kind(), 3, columns, 1);
          batch.outputs[static_cast<size_t>(columns + at)] = bad;
          std::vector<float> gradient(batch.outputs.size());
          CHECK_FALSE(std::isfinite(compute(*loss, batch, 1, gradient.data())));
          CHECK_FALSE(std::isfinite(compute(*loss, batch, 1, nullptr)));
          if (loss->target_kind() == TargetKind::kValues) {
            batch = random_batch(random, example.kind(), 3, columns, 1);
            batch.values[static_cast<size_t>(at)] = bad;
            CHECK_FALSE(std::isfinite(compute(*loss, batch, 1, gradient.data())));
          }
        }
      }
    }
  }
}

TEST_CASE("losses: the gradient is written everywhere, also where the value is not finite") {
  for (const Example& example : examples()) {
    CAPTURE(example.name);
    const auto loss = make_loss(example.spec(5));
    RandomData random(203);
    Batch batch = random_batch(random, example.kind(), 2, 5, 1);
    batch.outputs[1] = std::numeric_limits<float>::quiet_NaN();
    std::vector<float> gradient(10, 77.0F);
    compute(*loss, batch, 1, gradient.data());
    for (const float g : gradient) CHECK(g != 77.0F);
    CHECK(std::isnan(gradient[1]));
  }
}

TEST_CASE("softmaxCrossEntropy: takes [classes] with at least two of them") {
  const auto loss = make_loss(test::loss("softmaxCrossEntropy"));
  CHECK(error_of([&] { loss->check_outputs({2}); }).empty());
  CHECK(contains(error_of([&] { loss->check_outputs({1}); }),
                 "SHAPE_MISMATCH: softmaxCrossEntropy: the model's outputs"));
  CHECK(contains(error_of([&] { loss->check_outputs({3, 3, 10}); }), "[3, 3, 10]"));
}

TEST_CASE("softmaxCrossEntropy: divides by the class weights of the samples that count") {
  Spec::Object spec = test::loss("softmaxCrossEntropy");
  spec["ignoreIndex"] = -100;
  const std::vector<int32_t> classes = {2, -100, 0, 0};
  CHECK(make_loss(spec)->divisor({classes.data()}, 4) == 3);
  CHECK(make_loss(spec)->divisor({classes.data() + 1}, 1) == 0);
  CHECK(make_loss(spec)->ignored_class() == -100);
  spec["classWeights"] = Spec::List{0.5, 1, 2};
  CHECK(make_loss(spec)->divisor({classes.data()}, 4) == 3);
  CHECK(make_loss(spec)->divisor({classes.data()}, 2) == 2);
  CHECK(contains(error_of([&] { make_loss(spec)->check_outputs({4}); }), "classWeights has 3 entries"));
  spec["targets"] = "distributions";
  CHECK(contains(error_of([&] { make_loss(spec); }), "ignoreIndex needs class targets"));
  spec.erase("ignoreIndex");
  CHECK(make_loss(spec)->divisor({}, 4) == 4);
}

TEST_CASE("softmaxCrossEntropy: an ignored row has no value and no gradient, whatever its outputs") {
  Spec::Object spec = test::loss("softmaxCrossEntropy");
  spec["ignoreIndex"] = 255;
  const Batch batch{2, 2, {NAN, 1, 0, 0}, {255, 1}, {}, {}};
  std::vector<float> gradient(4, 77.0F);
  CHECK(compute(*make_loss(spec), batch, 1, gradient.data()) == doctest::Approx(std::log(2.0)));
  CHECK(gradient == std::vector<float>{0, 0, 0.5F, -0.5F});
}

TEST_CASE("hinge: 0 stands for -1, and the gradient at a margin of 1 is 0") {
  for (const char* kind : {"hinge", "squaredHinge"}) {
    CAPTURE(kind);
    const double power = std::string(kind) == "hinge" ? 1 : 2;
    for (const float no : {0.0F, -1.0F}) {
      const Batch batch{4, 1, {1, -1, 2, 0.5F}, {}, {1, no, no, 1}, {}};
      std::vector<float> gradient(4);
      CHECK(compute(*make_loss(test::loss(kind)), batch, 1, gradient.data()) ==
            doctest::Approx(std::pow(3, power) + std::pow(0.5, power)));
      CHECK(gradient == (power == 1 ? std::vector<float>{0, 0, 1, -1} : std::vector<float>{0, 0, 6, -1}));
    }
  }
}

TEST_CASE("sigmoidBinaryCrossEntropy: one positive weight, or one an output") {
  const Spec::Object spec{{"kind", "sigmoidBinaryCrossEntropy"}, {"positiveWeight", Spec::List{1, 2}}};
  CHECK(error_of([&] { make_loss(spec)->check_outputs({2}); }).empty());
  CHECK(error_of([&] { make_loss(test::loss("sigmoidBinaryCrossEntropy"))->check_outputs({3}); }).empty());
  CHECK(error_of([&] { make_loss(spec)->check_outputs({3}); }) ==
        "SHAPE_MISMATCH: sigmoidBinaryCrossEntropy: positiveWeight has 2 entries, expected one, or one for each of the "
        "3 outputs");
}
