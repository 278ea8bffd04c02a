#include "kernels/winograd/transforms.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "kernels/layout/lanes.h"
#include "kernels/reference/winograd.h"
#include "support/compare.h"
#include "support/guarded_buffer.h"
#include "support/random_data.h"
#include "support/simd_targets.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

// A sum of the transform's two passes: 5 products each, and the constants are rounded once.
constexpr double kTransformError = 14 * kRoundoff;

// The pixels at one of the tiles of one float of a vector; zeros outside.
std::vector<double> patch(const ImageTile& tile, int64_t index, const Extent2d& size, const float* image,
                          int64_t lane) {
  std::vector<double> pixels;
  for (int64_t i = 0; i < size.height; ++i) {
    for (int64_t j = 0; j < size.width; ++j) {
      const int64_t r = tile.row + i * tile.step.height;
      const int64_t c = tile.column + (index * tile.form.tile().width + j) * tile.step.width;
      const Extent2d& extent = tile.vectors.image;
      const bool exists = r >= 0 && c >= 0 && r < extent.height && c < extent.width;
      pixels.push_back(exists ? image[(r * extent.width + c) * tile.vectors.pixel + lane] : 0);
    }
  }
  return pixels;
}

// On images of so many vectors, in lanes or in rows.
ImageTile random_tile(RandomData& random, WinogradForm form, int64_t vectors, int64_t lowest, int64_t beyond) {
  const Extent2d image{random.integer(1, 13), random.integer(1, 13)};
  const bool lanes = random.integer(0, 1) == 1;
  return {{image, lanes ? kLanes : vectors * kLanes, lanes ? image.height * image.width * kLanes : kLanes},
          random.integer(lowest, image.height + beyond),
          random.integer(lowest, image.width + beyond),
          1,
          {random.pick({1, 1, 2, 3, 20}), random.pick({1, 1, 2, 3, 20})},
          form};
}

constexpr WinogradForm kForms[] = {WinogradForm::kF4x3,
                                   WinogradForm::kF2x5,
                                   {WinogradAxis::kNone, WinogradAxis::kF43},
                                   {WinogradAxis::kF43, WinogradAxis::kNone},
                                   {WinogradAxis::kNone, WinogradAxis::kF25},
                                   {WinogradAxis::kF25, WinogradAxis::kNone}};

// And those at edges.
std::vector<WinogradForm> forms_of_tiles() {
  using enum WinogradAxis;
  std::vector<WinogradForm> forms;
  const auto add = [&](std::initializer_list<WinogradAxis> axes) {
    for (const WinogradAxis height : axes) {
      for (const WinogradAxis width : axes) {
        if (height != kNone || width != kNone) forms.push_back({height, width});
      }
    }
  };
  add({kNone, kF43, kF33, kF23, kF13});
  add({kNone, kF25});
  return forms;
}

// Where a tile's coefficient is among those of a whole one, and how many of these there are up to the last one.
int64_t number_of(const WinogradForm& form, int64_t coefficient) {
  const int64_t row = points_of(form.width);
  return form.coefficient(point_of(form.height, coefficient / row), point_of(form.width, coefficient % row));
}
int64_t planes_of(const WinogradForm& form) { return number_of(form, form.coefficients() - 1) + 1; }

template <class MatrixOf>
reference::BothAxes both_axes(const WinogradForm& form, MatrixOf matrix_of) {
  const auto of = [&](WinogradAxis axis) {
    return axis == WinogradAxis::kNone ? reference::identity_of_one() : matrix_of(axis);
  };
  return {of(form.height), of(form.width)};
}
reference::BothAxes a_of(const WinogradForm& form) {
  return both_axes(form, [](WinogradAxis axis) { return reference::winograd_a(tile_of(axis), window_of(axis)); });
}
reference::BothAxes b_transposed_of(const WinogradForm& form) {
  return both_axes(form, [](WinogradAxis axis) { return reference::winograd_b_transposed(points_of(axis)); });
}
reference::BothAxes g_of(const WinogradForm& form) {
  return both_axes(form, [](WinogradAxis axis) { return reference::winograd_g(tile_of(axis), window_of(axis)); });
}
Extent2d inputs_of(const WinogradForm& form) { return {points_of(form.height), points_of(form.width)}; }

using TransformImages = void (*)(const ImageTile&, int64_t, const float*, const TileCoefficients&);
using TransformArgmax = void (*)(const ImageTile&, int64_t, const ArgmaxPixels&, const TileCoefficients&);

// `transform` of `size` pixels is m x m^T, for tiles inside, across edges and wholly outside.
void check_images(TransformImages transform, WinogradForm form, const Extent2d& size, const reference::BothAxes& m) {
  for_each_simd_target([&](const std::string& target) {
    CAPTURE(target);
    RandomData random(81);
    for (int i = 0; i < 100; ++i) {
      CAPTURE(i);
      const int64_t vectors = random.pick({1, 2, 3});
      ImageTile tile = random_tile(random, form, vectors, -6, 2);
      tile.count = random.integer(1, kMostStripTiles);
      const int64_t pixels = tile.vectors.image.height * tile.vectors.image.width;
      GuardedBuffer x(random.normal(vectors * pixels * kLanes));
      const int64_t coefficient = vectors * tile.count * kLanes + 16;
      GuardedBuffer v(planes_of(form) * coefficient);
      transform(tile, vectors, x.data(), {v.data(), coefficient, tile.count * kLanes, kLanes});
      CHECK(v.intact());
      std::vector<float> actual;
      std::vector<double> expected;
      std::vector<double> bounds;
      for (int64_t index = 0; index < vectors * tile.count; ++index) {
        const float* const image = x.data() + index / tile.count * tile.vectors.vector;
        for (int64_t lane = 0; lane < kLanes; ++lane) {
          const std::vector<double> at = patch(tile, index % tile.count, size, image, lane);
          for (const double value : two_sided(m, at)) expected.push_back(value);
          for (const double value : two_sided(m.magnitudes(), magnitudes(at))) {
            bounds.push_back(kTransformError * value);
          }
          for (int64_t e = 0; e < form.coefficients(); ++e) {
            actual.push_back(v.data()[number_of(form, e) * coefficient + index * kLanes + lane]);
          }
        }
      }
      CHECK(difference(actual, expected, bounds) == "");
    }
  });
}

// The gradient of maxima is transformed as the image over which max_pool_lanes_backward spreads it, in bits.
void check_argmax(TransformArgmax transform_argmax, TransformImages transform, WinogradForm form) {
  for_each_simd_target([&](const std::string& target) {
    CAPTURE(target);
    RandomData random(82);
    for (int i = 0; i < 200; ++i) {
      CAPTURE(i);
      const int64_t vectors = random.pick({1, 2, 3});
      const Extent2d pooled{random.integer(1, 6), random.integer(1, 6)};
      const Extent2d image{2 * pooled.height, 2 * pooled.width};
      const Window2d windows{image, pooled, {2, 2}, {2, 2}, {1, 1}, {}};
      const int64_t floats = pooled.height * pooled.width * kLanes;
      GuardedBuffer dy(random.normal(vectors * floats));
      GuardedBuffer memory(floats_of_winners(vectors * floats));
      auto* const winners = reinterpret_cast<ArgmaxTap*>(memory.data());
      for (int64_t w = 0; w < vectors * floats; ++w) winners[w] = random.pick<ArgmaxTap>({0, 1, 2, 3, kNoTap});
      GuardedBuffer spread(vectors * 4 * floats);
      for (int64_t vector = 0; vector < vectors; ++vector) {
        max_pool_lanes_backward(windows, dy.data() + vector * floats, winners + vector * floats,
                                spread.data() + vector * 4 * floats);
      }
      const ImageTile tile{{image, kLanes, 4 * floats},
                           random.integer(-6, image.height + 2),
                           random.integer(-6, image.width + 2),
                           random.integer(1, kMostStripTiles),
                           {1, 1},
                           form};
      const ImageTile tile_of_maxima{{pooled, kLanes, floats}, tile.row, tile.column, tile.count, {1, 1}, form};
      const int64_t vector_floats = tile.count * kLanes;
      const int64_t coefficient = vectors * vector_floats + 16;
      std::vector<float> zeros(static_cast<size_t>(planes_of(form) * coefficient));
      GuardedBuffer expected(zeros);
      GuardedBuffer actual(zeros);
      transform(tile, vectors, spread.data(), {expected.data(), coefficient, vector_floats, kLanes});
      transform_argmax(tile_of_maxima, vectors, {dy.data(), winners},
                       {actual.data(), coefficient, vector_floats, kLanes});
      CHECK(actual.intact());
      CHECK(difference_in_bits(actual.values(), expected.values()) == "");
    }
  });
}

}  // namespace

TEST_CASE("winograd: the reference's matrices give a convolution with the window, exactly but for rounding in double") {
  RandomData random(80);
  for (const WinogradForm form : forms_of_tiles()) {
    const auto [window_height, window_width] = form.window();
    const auto [tile_height, tile_width] = form.tile();
    const int64_t row = inputs_of(form).width;
    const std::vector<double> x = to_double(random.normal(form.coefficients()));
    const std::vector<double> w = to_double(random.normal(form.taps()));
    std::vector<double> product = two_sided(b_transposed_of(form), x);
    const std::vector<double> u = two_sided(g_of(form), w);
    for (size_t e = 0; e < product.size(); ++e) product[e] *= u[e];
    std::vector<double> expected;
    for (int64_t p = 0; p < tile_height; ++p) {
      for (int64_t q = 0; q < tile_width; ++q) {
        double sum = 0;
        for (int64_t r = 0; r < window_height; ++r) {
          for (int64_t s = 0; s < window_width; ++s) {
            sum += x[static_cast<size_t>((p + r) * row + q + s)] * w[static_cast<size_t>(r * window_width + s)];
          }
        }
        expected.push_back(sum);
      }
    }
    const std::vector<double> y = two_sided(a_of(form).transposed(), product);
    CHECK(difference(y, expected, Tolerance{0, 1e-12}) == "");
  }
}

TEST_CASE("winograd: gradients of maxima are transformed as the images that they are spread over, in bits") {
  for (const WinogradForm form : forms_of_tiles()) {
    check_argmax(winograd_transform_input, winograd_transform_input, form);
    check_argmax(winograd_transform_output_gradient, winograd_transform_output_gradient, form);
  }
}

TEST_CASE("winograd_transform_input: B^T x B, on every instruction set") {
  for (const WinogradForm form : forms_of_tiles()) {
    check_images(winograd_transform_input, form, inputs_of(form), b_transposed_of(form));
  }
}

TEST_CASE("winograd_transform_output_gradient: A dy A^T, on every instruction set") {
  for (const WinogradForm form : forms_of_tiles()) {
    check_images(winograd_transform_output_gradient, form, form.tile(), a_of(form));
  }
}

TEST_CASE("winograd_transform_output: activation(A^T m A + bias) inside of the image only, on every instruction set") {
  for_each_simd_target([&](const std::string& target) {
    CAPTURE(target);
    RandomData random(82);
    const std::vector<WinogradForm> forms = forms_of_tiles();
    for (int i = 0; i < 1500; ++i) {
      CAPTURE(i);
      const WinogradForm form = forms[static_cast<size_t>(i) % forms.size()];
      const reference::BothAxes a = a_of(form).transposed();
      const int64_t vectors = random.pick({1, 2, 3});
      ImageTile tile = random_tile(random, form, vectors, 0, -1);
      if (vectors == 1) tile.written = random.integer(1, kLanes);
      const auto& [image, pixel_floats, vector_floats] = tile.vectors;
      const int64_t pixels = image.height * image.width;
      const bool bias = random.integer(0, 1) == 1;
      const bool relu = random.integer(0, 1) == 1;
      const BiasOf of = random.integer(0, 1) == 1 ? BiasOf::kVector : BiasOf::kFloat;
      const std::vector<float> biases = random.normal((vectors - 1) * kLanes + tile.written);
      const int64_t coefficient = vectors * kLanes + 16;
      GuardedBuffer m(random.normal(planes_of(form) * coefficient));
      const std::vector<float> before = random.normal(vectors * pixels * kLanes);
      GuardedBuffer y(before);
      winograd_transform_output(tile, vectors, {m.data(), coefficient, kLanes}, {bias ? biases.data() : nullptr, of},
                                relu ? Activation::kRelu : Activation::kLinear, y.data());
      CHECK(y.intact());
      std::vector<double> expected = to_double(before);
      std::vector<double> bounds(expected.size(), 0);
      for (int64_t vector = 0; vector < vectors; ++vector) {
        for (int64_t lane = 0; lane < tile.written; ++lane) {
          std::vector<double> at;
          for (int64_t e = 0; e < form.coefficients(); ++e) {
            at.push_back(m.data()[number_of(form, e) * coefficient + vector * kLanes + lane]);
          }
          const std::vector<double> z = two_sided(a, at);
          const std::vector<double> size = two_sided(a.magnitudes(), magnitudes(at));
          const auto own = static_cast<size_t>(of == BiasOf::kVector ? vector : vector * kLanes + lane);
          const auto [rows, columns] = form.tile();
          for (int64_t r = 0; r < rows && tile.row + r * tile.step.height < image.height; ++r) {
            for (int64_t c = 0; c < columns && tile.column + c * tile.step.width < image.width; ++c) {
              const int64_t row = tile.row + r * tile.step.height;
              const int64_t column = tile.column + c * tile.step.width;
              const auto pixel =
                  static_cast<size_t>(vector * vector_floats + (row * image.width + column) * pixel_floats + lane);
              const auto from = static_cast<size_t>(r * columns + c);
              const double sum = z[from] + (bias ? biases[own] : 0);
              expected[pixel] = relu ? std::max(sum, 0.0) : sum;
              bounds[pixel] = kTransformError * (size[from] + std::abs(sum));
            }
          }
        }
      }
      CHECK(difference(y.span(), expected, bounds) == "");
    }
  });
}

TEST_CASE("winograd_transform_output_pooled: the maxima of what is written otherwise, in bits") {
  for_each_simd_target([&](const std::string& target) {
    CAPTURE(target);
    RandomData random(85);
    std::vector<WinogradForm> forms = forms_of_tiles();
    std::erase_if(forms, [](WinogradForm form) { return form.tile().height == 1 || form.tile().width == 1; });
    for (int i = 0; i < 500; ++i) {
      CAPTURE(i);
      const WinogradForm form = forms[static_cast<size_t>(i) % forms.size()];
      const Extent2d pooled{random.integer(1, 6), random.integer(1, 6)};
      // What no window has, too.
      const Extent2d image{2 * pooled.height + random.integer(0, 1), 2 * pooled.width + random.integer(0, 1)};
      const Window2d windows{image, pooled, {2, 2}, {2, 2}, {1, 1}, {}};
      const int64_t vectors = random.pick({1, 2, 3});
      const int64_t floats = pooled.height * pooled.width * kLanes;
      const int64_t image_floats = image.height * image.width * kLanes;
      const int64_t lanes = random.pick({kLanes, kHalfLanes});
      const ImageTile tile_of_maxima{{pooled, kLanes, floats},
                                     random.integer(0, pooled.height - 1),
                                     random.integer(0, pooled.width - 1),
                                     1,
                                     {1, 1},
                                     form,
                                     lanes};
      const ImageTile tile{
          {image, kLanes, image_floats}, 2 * tile_of_maxima.row, 2 * tile_of_maxima.column, 1, {1, 1}, form, lanes};
      const Activation activation = random.pick({Activation::kLinear, Activation::kRelu});
      const Winners kept = activation == Activation::kRelu ? Winners::kOfPositive : Winners::kOfAll;
      const std::vector<float> biases = random.normal(vectors);
      const int64_t coefficient = vectors * kLanes + 16;
      GuardedBuffer m(random.normal(planes_of(form) * coefficient));
      const TileCoefficients of_tile{m.data(), coefficient, lanes};
      const TileBias bias{random.integer(0, 1) == 1 ? biases.data() : nullptr, BiasOf::kVector};
      const bool numbers = random.integer(0, 3) > 0;

      const std::vector<float> before = random.normal(vectors * floats);
      std::vector<float> expected = before;
      GuardedBuffer y(before);
      GuardedBuffer memory(floats_of_winners(vectors * floats));
      auto* const winners = reinterpret_cast<ArgmaxTap*>(memory.data());
      std::fill_n(winners, vectors * floats, ArgmaxTap{7});
      std::vector<ArgmaxTap> expected_winners(winners, winners + vectors * floats);
      GuardedBuffer whole(vectors * image_floats);
      winograd_transform_output(tile, vectors, of_tile, bias, activation, whole.data());
      GuardedBuffer maxima(floats);
      GuardedBuffer of_maxima(floats_of_winners(floats));
      auto* const taps = reinterpret_cast<ArgmaxTap*>(of_maxima.data());
      for (int64_t vector = 0; vector < vectors; ++vector) {
        max_pool_lanes(windows, kept, whole.data() + vector * image_floats, maxima.data(), taps);
        const auto [rows, columns] = form.tile();
        for (int64_t r = tile_of_maxima.row; r < std::min(pooled.height, tile_of_maxima.row + rows / 2); ++r) {
          for (int64_t c = tile_of_maxima.column; c < std::min(pooled.width, tile_of_maxima.column + columns / 2);
               ++c) {
            const int64_t at = (r * pooled.width + c) * kLanes;
            std::copy_n(maxima.data() + at, kLanes, expected.begin() + vector * floats + at);
            std::copy_n(taps + at, kLanes, expected_winners.begin() + vector * floats + at);
          }
        }
      }
      winograd_transform_output_pooled(tile_of_maxima, vectors, of_tile, bias, activation, y.data(),
                                       numbers ? winners : nullptr);
      CHECK(y.intact());
      CHECK(memory.intact());
      if (!numbers) std::ranges::fill(expected_winners, ArgmaxTap{7});
      // Lanes that do not count have values without meaning.
      for (int64_t at = 0; at < vectors * floats; ++at) {
        if (at % kLanes < lanes) continue;
        y.data()[at] = expected[static_cast<size_t>(at)];
        winners[at] = expected_winners[static_cast<size_t>(at)];
      }
      CHECK(difference_in_bits(y.values(), expected) == "");
      CHECK(std::vector<ArgmaxTap>(winners, winners + vectors * floats) == expected_winners);
    }
  });
}

TEST_CASE("winograd_transform_filters: missing taps are zeros, and have no gradient, on every instruction set") {
  for_each_simd_target([&](const std::string& target) {
    CAPTURE(target);
    RandomData random(84);
    constexpr int64_t kFilters = 3;
    constexpr int64_t kChannels = 17;
    constexpr int64_t kTap = kFilters * kChannels;
    for (const WinogradForm form : kForms) {
      const auto [height, width] = form.window();
      const Extent2d taps{random.integer(1, height), random.integer(1, width)};
      CAPTURE(taps.height);
      CAPTURE(taps.width);
      std::vector<float> part = random.normal(taps.height * taps.width * kTap);
      std::vector<float> whole(static_cast<size_t>(form.taps() * kTap));
      for (int64_t r = 0; r < taps.height; ++r) {
        std::copy_n(part.data() + r * taps.width * kTap, taps.width * kTap, whole.data() + r * width * kTap);
      }
      GuardedBuffer of_part(form.coefficients() * kTap, 1);
      GuardedBuffer of_whole(form.coefficients() * kTap, 1);
      winograd_transform_filters(form, kFilters, kChannels, {part.data(), taps.width * kTap, kTap, kChannels, taps},
                                 {of_part.data(), kTap, kChannels});
      winograd_transform_filters(form, kFilters, kChannels,
                                 {whole.data(), width * kTap, kTap, kChannels, form.window()},
                                 {of_whole.data(), kTap, kChannels});
      CHECK(difference_in_bits(of_part.values(), of_whole.values()) == "");
      GuardedBuffer gradient(taps.height * taps.width * kTap, 1);
      GuardedBuffer of_all(form.taps() * kTap, 1);
      winograd_transform_filter_gradient(form, kFilters, kChannels, {of_part.data(), kTap, kChannels},
                                         {gradient.data(), taps.width * kTap, kTap, kChannels, taps});
      winograd_transform_filter_gradient(form, kFilters, kChannels, {of_part.data(), kTap, kChannels},
                                         {of_all.data(), width * kTap, kTap, kChannels, form.window()});
      CHECK(gradient.intact());
      std::vector<float> expected;
      for (int64_t r = 0; r < taps.height; ++r) {
        const float* const from = of_all.data() + r * width * kTap;
        expected.insert(expected.end(), from, from + taps.width * kTap);
      }
      CHECK(difference_in_bits(gradient.values(), expected) == "");
    }
  });
}

TEST_CASE("winograd_transform_filters and their gradient: G w G^T and G^T u G, on every instruction set") {
  for_each_simd_target([&](const std::string& target) {
    CAPTURE(target);
    RandomData random(83);
    for (const int64_t channels : {1, 3, 7, 8, 15, 16, 17, 33}) {
      for (const WinogradForm form : kForms) {
        const reference::BothAxes g = g_of(form);
        const reference::BothAxes adjoint = g.transposed();
        const int64_t taps = form.taps();
        const int64_t coefficients = form.coefficients();
        const Extent2d window = form.window();
        const int64_t row = window.width;
        CAPTURE(channels);
        CAPTURE(taps);
        constexpr int64_t kFilters = 3;
        const int64_t coefficient = kFilters * channels + 5;
        const auto check = [&](auto transform, int64_t from, const reference::BothAxes& m, auto from_index,
                               auto to_index, int64_t from_size, int64_t to_size) {
          GuardedBuffer input(random.normal(from_size), 1);
          GuardedBuffer output(to_size, 1);
          transform(input.data(), output.data());
          CHECK(output.intact());
          std::vector<float> actual;
          std::vector<double> expected;
          std::vector<double> bounds;
          for (int64_t k = 0; k < kFilters; ++k) {
            for (int64_t c = 0; c < channels; ++c) {
              std::vector<double> at;
              for (int64_t e = 0; e < from; ++e) at.push_back(input.data()[from_index(e, k, c)]);
              for (const double value : two_sided(m, at)) expected.push_back(value);
              for (const double value : two_sided(m.magnitudes(), magnitudes(at))) {
                bounds.push_back(kTransformError * value);
              }
              for (int64_t e = 0; e < m.height.rows * m.width.rows; ++e)
                actual.push_back(output.data()[to_index(e, k, c)]);
            }
          }
          CHECK(difference(actual, expected, bounds) == "");
        };
        const auto tap = [&](int64_t e, int64_t k, int64_t c) { return (k * taps + e) * channels + c; };
        const auto plane = [&](int64_t e, int64_t k, int64_t c) { return e * coefficient + k * channels + c; };
        check(
            [&](const float* w, float* u) {
              winograd_transform_filters(form, kFilters, channels,
                                         {w, row * channels, channels, taps * channels, window},
                                         {u, coefficient, channels});
            },
            taps, g, tap, plane, kFilters * taps * channels, coefficients * coefficient);
        // Planes of taps, and some of the columns at a time.
        const auto turned_tap = [&](int64_t e, int64_t k, int64_t c) { return (e * kFilters + k) * channels + c; };
        check(
            [&](const float* w, float* u) {
              const int64_t some = channels / 2;
              const int64_t tap = kFilters * channels;
              winograd_transform_filters(form, kFilters, some, {w, row * tap, tap, channels, window},
                                         {u, coefficient, channels});
              winograd_transform_filters(form, kFilters, channels - some, {w + some, row * tap, tap, channels, window},
                                         {u + some, coefficient, channels});
            },
            taps, g, turned_tap, plane, kFilters * taps * channels, coefficients * coefficient);
        check(
            [&](float* u, float* w) {
              winograd_transform_filter_gradient(form, kFilters, channels, {u, coefficient, channels},
                                                 {w, row * channels, channels, taps * channels, window});
            },
            coefficients, adjoint, plane, tap, coefficients * coefficient, kFilters * taps * channels);
      }
    }
  });
}
