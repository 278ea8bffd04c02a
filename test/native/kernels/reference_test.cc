// What the oracles in test/native/layers/oracles.cc and the losses' tests, which check the references' gradients for
// every kind, do not say of them.
#include <doctest/doctest.h>

#include <vector>

#include "kernels/reference/input_activation.h"
#include "kernels/reference/normalization.h"
#include "support/gradient_check.h"

using namespace gradloom;
using namespace gradloom::test;

using Values = std::vector<double>;

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
