// The oracle itself: every reference gradient against central differences, so that what the fast kernels are
// compared with is the derivative of what the equations say.
#include <doctest/doctest.h>

#include <cmath>
#include <numeric>
#include <vector>

#include "kernels/reference/activation.h"
#include "kernels/reference/convolution.h"
#include "kernels/reference/dense.h"
#include "kernels/reference/input_activation.h"
#include "kernels/reference/losses.h"
#include "kernels/reference/normalization.h"
#include "kernels/reference/pooling.h"
#include "support/gradient_check.h"
#include "support/random_data.h"
#include "support/windows.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

using Values = std::vector<double>;

Values normal(RandomData& random, int64_t count) { return to_double(random.normal(count)); }

Values zeros(int64_t count) { return Values(static_cast<size_t>(count)); }

// The loss that a gradient check sends through a layer: sum of y * dy, whose gradient by y is dy.
double dot(const Values& a, const Values& b) { return std::inner_product(a.begin(), a.end(), b.begin(), 0.0); }

}  // namespace

TEST_CASE("reference dense: gradients against central differences, 24 shapes") {
  RandomData random(1);
  for (const int64_t batch : {0, 1, 2, 5}) {
    for (const int64_t inputs : {1, 3}) {
      for (const int64_t units : {1, 2, 4}) {
        CAPTURE(batch);
        CAPTURE(inputs);
        CAPTURE(units);
        const reference::DenseShape shape{batch, inputs, units};
        Values x = normal(random, batch * inputs);
        Values weight = normal(random, units * inputs);
        Values bias = normal(random, units);
        const Values dz = normal(random, batch * units);
        Values z = zeros(batch * units);
        const auto loss = [&] {
          reference::dense(shape, x.data(), weight.data(), bias.data(), z.data());
          return dot(z, dz);
        };
        Values dx = zeros(batch * inputs);
        Values dweight = zeros(units * inputs);
        Values dbias = zeros(units);
        reference::dense_backward(shape, x.data(), weight.data(), dz.data(), {dx.data(), dweight.data(), dbias.data()});
        CHECK(gradient_difference(dx, x, loss) == "");
        CHECK(gradient_difference(dweight, weight, loss) == "");
        CHECK(gradient_difference(dbias, bias, loss) == "");
      }
    }
  }
}

TEST_CASE("reference conv2d: gradients against central differences, 30 shapes") {
  RandomData random(2);
  for (int i = 0; i < 30; ++i) {
    CAPTURE(i);
    const int64_t groups = random.integer(1, 3);
    const reference::Convolution shape{.window = random_window(random),
                                       .batch = random.integer(1, 2),
                                       .channels = groups * random.integer(1, 2),
                                       .filters = groups * random.integer(1, 2),
                                       .groups = groups};
    Values x = normal(random, shape.batch * shape.window.input_pixels() * shape.channels);
    Values weight = normal(random, shape.filters * shape.window.taps() * shape.channels / groups);
    Values bias = normal(random, shape.filters);
    const Values dz = normal(random, shape.batch * shape.window.output_pixels() * shape.filters);
    Values z = zeros(static_cast<int64_t>(dz.size()));
    const auto loss = [&] {
      reference::conv2d(shape, x.data(), weight.data(), bias.data(), z.data());
      return dot(z, dz);
    };
    Values dx(x.size());
    Values dweight(weight.size());
    Values dbias(bias.size());
    reference::conv2d_backward(shape, x.data(), weight.data(), dz.data(), {dx.data(), dweight.data(), dbias.data()});
    CHECK(gradient_difference(dx, x, loss) == "");
    CHECK(gradient_difference(dweight, weight, loss) == "");
    CHECK(gradient_difference(dbias, bias, loss) == "");
  }
}

TEST_CASE("reference max pool: gradient against central differences, 20 shapes") {
  RandomData random(3);
  for (int i = 0; i < 20; ++i) {
    CAPTURE(i);
    const Window2d window = random_pooling_window(random);
    const int64_t channels = random.pick({1, 3});
    Values x = to_double(random.distinct(window.input_pixels() * channels, 0.25F));
    const Values dy = normal(random, window.output_pixels() * channels);
    Values y(dy.size());
    std::vector<int32_t> winner(dy.size());
    const auto loss = [&] {
      reference::max_pool(window, channels, x.data(), y.data(), winner.data());
      return dot(y, dy);
    };
    loss();
    Values dx(x.size());
    reference::max_pool_backward(window, channels, dy.data(), winner.data(), dx.data());
    CHECK(gradient_difference(dx, x, loss) == "");
  }
}

TEST_CASE("reference activations: gradients against central differences, 20 sizes each") {
  RandomData random(4);
  for (const Activation activation :
       {Activation(Activation::kLinear), Activation(Activation::kRelu), Activation(Activation::kTanh),
        Activation(Activation::kSigmoid), Activation(Activation::kSoftmax), Activation(Activation::kLeakyRelu, 0.1F),
        Activation(Activation::kElu, 1.5F), Activation(Activation::kLogSoftmax)}) {
    for (int64_t columns = 1; columns <= 20; ++columns) {
      CAPTURE(static_cast<int>(activation.kind));
      CAPTURE(columns);
      Values z = normal(random, columns);
      for (double& value : z) value += std::copysign(0.01, value);  // away from relu's kink
      const Values dy = normal(random, columns);
      Values y(z.size());
      const auto loss = [&] {
        reference::activate(activation, columns, z.data(), y.data());
        return dot(y, dy);
      };
      loss();
      Values dz = dy;
      reference::activation_backward(activation, columns, y.data(), dz.data());
      CHECK(gradient_difference(dz, z, loss) == "");
    }
  }
}

TEST_CASE("reference losses: gradients against central differences, 20 sizes each") {
  RandomData random(5);
  for (int64_t columns = 1; columns <= 20; ++columns) {
    CAPTURE(columns);
    Values outputs = normal(random, columns);
    Values targets = zeros(columns);
    for (double& target : targets) target = random.unit();
    const auto target_class = static_cast<int32_t>(random.integer(0, columns - 1));
    Values gradient(outputs.size());
    Values unused(outputs.size());

    reference::softmax_cross_entropy(columns, outputs.data(), target_class, gradient.data());
    CHECK(gradient_difference(gradient, outputs, [&] {
            return reference::softmax_cross_entropy(columns, outputs.data(), target_class, unused.data());
          }) == "");
    const double* t = targets.data();
    Values weights = targets;
    for (double& weight : weights) weight += 0.5;
    const auto check = [&](auto loss) {
      loss(outputs.data(), gradient.data());
      CHECK(gradient_difference(gradient, outputs, [&] { return loss(outputs.data(), unused.data()); }) == "");
    };
    check([&](const double* y, double* g) { return reference::softmax_cross_entropy(columns, y, t, g); });
    check([&](const double* y, double* g) {
      return reference::sigmoid_binary_cross_entropy(columns, y, t, weights.data(), g);
    });
    check([&](const double* y, double* g) { return reference::mean_squared_error(columns, y, t, g); });
    check([&](const double* y, double* g) { return reference::mean_absolute_error(columns, y, t, g); });
    check([&](const double* y, double* g) { return reference::huber(columns, y, t, 0.7, g); });
    check([&](const double* y, double* g) { return reference::smooth_l1(columns, y, t, 0.7, g); });
    check([&](const double* y, double* g) { return reference::poisson(columns, y, t, g); });
    for (double& target : targets) target = target < 0.5 ? -1 : 1;
    check([&](const double* y, double* g) { return reference::hinge(columns, y, t, 1, g); });
    check([&](const double* y, double* g) { return reference::hinge(columns, y, t, 2, g); });
  }
}

TEST_CASE("reference average pool: gradient against central differences, 20 shapes, both ways to count") {
  RandomData random(8);
  for (int i = 0; i < 20; ++i) {
    CAPTURE(i);
    const Window2d window = random_pooling_window(random);
    const CountPadding padding = i % 2 == 0 ? CountPadding::kInclude : CountPadding::kExclude;
    const int64_t channels = random.pick({1, 3});
    Values x = normal(random, window.input_pixels() * channels);
    const Values dy = normal(random, window.output_pixels() * channels);
    Values y(dy.size());
    const auto loss = [&] {
      reference::average_pool(window, padding, channels, x.data(), y.data());
      return dot(y, dy);
    };
    Values dx(x.size());
    reference::average_pool_backward(window, padding, channels, dy.data(), dx.data());
    CHECK(gradient_difference(dx, x, loss) == "");
  }
}

TEST_CASE("reference input activations: derivatives against central differences") {
  for (const auto activation :
       {InputActivation::kGelu, InputActivation::kGeluTanh, InputActivation::kSilu, InputActivation::kSoftplus}) {
    CAPTURE(static_cast<int>(activation));
    for (const double at : {-8.0, -2.5, -1.0, -0.1, 0.0, 0.3, 1.0, 4.0, 9.0}) {
      Values x = {at};
      const Values derivative = {reference::input_activation_derivative(activation, at)};
      CHECK(gradient_difference(derivative, x, [&] { return reference::input_activation(activation, x[0]); }) == "");
    }
  }
}

TEST_CASE("reference batch_norm, layer_norm: gradients against central differences, 24 shapes") {
  RandomData random(8);
  for (const int64_t rows : {2, 3, 7}) {
    for (const int64_t columns : {2, 5}) {
      for (const auto from : {reference::MomentsFrom::kBatch, reference::MomentsFrom::kRunning}) {
        CAPTURE(rows);
        CAPTURE(columns);
        const reference::NormalizationShape shape{rows, columns, 0.1};
        Values x = normal(random, rows * columns);
        Values weight = normal(random, columns);
        Values bias = normal(random, columns);
        const Values dy = normal(random, rows * columns);
        const reference::Moments running{normal(random, columns), Values(static_cast<size_t>(columns), 0.7)};
        const auto moments = [&] {
          return from == reference::MomentsFrom::kBatch ? reference::column_moments(shape, x) : running;
        };
        const auto batch_loss = [&] { return dot(reference::batch_norm(shape, moments(), x, weight, bias), dy); };
        const auto batch = reference::batch_norm_backward(shape, moments(), from, x, weight, dy);
        CHECK(gradient_difference(batch.dx, x, batch_loss) == "");
        CHECK(gradient_difference(batch.dweight, weight, batch_loss) == "");
        CHECK(gradient_difference(batch.dbias, bias, batch_loss) == "");

        const auto layer_loss = [&] { return dot(reference::layer_norm(shape, x, weight, bias), dy); };
        const auto layer = reference::layer_norm_backward(shape, x, weight, dy);
        CHECK(gradient_difference(layer.dx, x, layer_loss) == "");
        CHECK(gradient_difference(layer.dweight, weight, layer_loss) == "");
        CHECK(gradient_difference(layer.dbias, bias, layer_loss) == "");
      }
    }
  }
}

TEST_CASE("reference batch_norm: known values") {
  // Columns 1, 3 and 2, 6: means 2 and 4, variances 1 and 4.
  const reference::NormalizationShape shape{2, 2, 0};
  const Values x = {1, 2, 3, 6};
  const reference::Moments moments = reference::column_moments(shape, x);
  CHECK(moments.mean == Values{2, 4});
  CHECK(moments.variance == Values{1, 4});
  CHECK(reference::batch_norm(shape, moments, x, {10, 1}, {0, 5}) == Values{-10, 4, 10, 6});
  // Rows 1, 2 and 3, 6: means 1.5 and 4.5, deviations 0.5 and 1.5.
  CHECK(reference::layer_norm(shape, x, {10, 1}, {0, 5}) == Values{-10, 6, -10, 6});
}
