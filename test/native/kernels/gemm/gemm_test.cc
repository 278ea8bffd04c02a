#include "kernels/gemm/gemm.h"

#include <doctest/doctest.h>

#include <limits>

#include "kernels/gemm/simd_gemm.h"
#include "kernels/reference/matrix.h"
#include "support/compare.h"
#include "support/guarded_buffer.h"
#include "support/random_data.h"
#include "support/simd_targets.h"
#include "support/specs.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

void simd_product(const ProductShape& shape, const MatrixOperand& a, const MatrixOperand& b, Accumulate accumulate,
                  float* c, int64_t c_stride) {
  simd_gemm(shape, a, b, accumulate, c, c_stride);
}

// Operands and result of one product, with gaps between the rows.
struct Product {
  Product(RandomData& random, const ProductShape& product_shape, decltype(&gemm) function = gemm)
      : multiply(function),
        shape(product_shape),
        a_transpose(random.pick({Transpose::kNo, Transpose::kYes})),
        b_transpose(function == simd_product ? Transpose::kNo : random.pick({Transpose::kNo, Transpose::kYes})),
        accumulate(random.pick({Accumulate::kOverwrite, Accumulate::kAdd})),
        a_rows(a_transpose == Transpose::kYes ? shape.depth : shape.rows),
        b_rows(b_transpose == Transpose::kYes ? shape.columns : shape.depth),
        a_stride((a_transpose == Transpose::kYes ? shape.rows : shape.depth) + random.integer(1, 3)),
        b_stride((b_transpose == Transpose::kYes ? shape.depth : shape.columns) + random.integer(1, 3)),
        c_stride(shape.columns + random.integer(1, 3)) {}

  std::string difference_to_reference(RandomData& random, bool integers) {
    const auto fill = [&](int64_t count) { return integers ? random.integers(count) : random.normal(count); };
    GuardedBuffer a(fill(a_rows * a_stride), 1);
    GuardedBuffer b(fill(b_rows * b_stride), 2);
    GuardedBuffer c(fill(shape.rows * c_stride), 3);
    std::vector<double> expected = to_double(c.values());
    std::vector<double> bounds(expected.size(), 0.0);
    reference_product(to_double(a.values()), to_double(b.values()), expected);
    if (!integers) set_bounds(to_double(a.values()), to_double(b.values()), to_double(c.values()), bounds);
    multiply(shape, {a.data(), a_stride, a_transpose}, {b.data(), b_stride, b_transpose}, accumulate, c.data(),
             c_stride);
    return difference(c.span(), expected, bounds) + (c.intact() ? "" : " written beside c");
  }

  void reference_product(const std::vector<double>& a, const std::vector<double>& b, std::vector<double>& c) const {
    reference::matrix_product(shape, {a.data(), a_stride, a_transpose}, {b.data(), b_stride, b_transpose}, accumulate,
                              c.data(), c_stride);
  }

  // A sum of K products in any order is off by at most (K + 1) u times the sum of their magnitudes.
  void set_bounds(const std::vector<double>& a, const std::vector<double>& b, const std::vector<double>& c_before,
                  std::vector<double>& bounds) const {
    std::vector<double> c = magnitudes(c_before);
    reference_product(magnitudes(a), magnitudes(b), c);
    for (int64_t i = 0; i < shape.rows * c_stride; ++i) {
      if (i % c_stride < shape.columns) {
        bounds[static_cast<size_t>(i)] = static_cast<double>(shape.depth + 2) * kRoundoff * c[static_cast<size_t>(i)];
      }
    }
  }

  decltype(&gemm) multiply;
  ProductShape shape;
  Transpose a_transpose, b_transpose;
  Accumulate accumulate;
  int64_t a_rows, b_rows, a_stride, b_stride, c_stride;
};

}  // namespace

TEST_CASE("gemm: integers agree exactly with the reference, gaps between rows stay, any size may be 0") {
  RandomData random(11);
  for (int i = 0; i < 400; ++i) {
    CAPTURE(i);
    Product product(random, {random.pick({0, 1, 3, 15, 16, 17, 33}), random.pick({0, 1, 7, 16, 31, 33}),
                             random.pick({0, 1, 2, 15, 17, 64, 70})});
    CHECK(product.difference_to_reference(random, true) == "");
  }
}

TEST_CASE("gemm: real numbers agree within the bound of a sum of K products") {
  RandomData random(12);
  for (int i = 0; i < 60; ++i) {
    CAPTURE(i);
    Product product(random, {random.integer(1, 70), random.integer(1, 70), random.integer(1, 300)});
    CHECK(product.difference_to_reference(random, false) == "");
  }
}

TEST_CASE("gemm: overwriting does not read what was there") {
  RandomData random(13);
  GuardedBuffer a(random.integers(6));
  GuardedBuffer b(random.integers(6));
  GuardedBuffer c(9);  // NaN
  gemm({3, 3, 2}, {a.data(), 2}, {b.data(), 3}, Accumulate::kOverwrite, c.data(), 3);
  for (const float value : c.values()) CHECK(value == value);
}

TEST_CASE("gemm: sizes beyond BLAS's integers are refused") {
  CHECK(error_of([] { check_gemm_size(INT32_MAX); }).empty());
  CHECK(contains(error_of([] { check_gemm_size(int64_t{INT32_MAX} + 1); }), "SHAPE_TOO_LARGE"));
}

TEST_CASE("simd_gemm: integers agree exactly on every instruction set, gaps between rows stay, any size may be 0") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(14);
    for (int i = 0; i < 400; ++i) {
      CAPTURE(i);
      Product product(random,
                      {random.pick({0, 1, 2, 3, 5, 6, 7, 13, 24, 33}),
                       random.pick({0, 1, 7, 10, 16, 31, 33, 48, 64, 65, 130}), random.pick({0, 1, 2, 15, 17, 64, 70})},
                      simd_product);
      CHECK(product.difference_to_reference(random, true) == "");
    }
  });
}

TEST_CASE("simd_gemm: real numbers agree within the bound of a sum of K products, also over several blocks of depth") {
  RandomData random(15);
  for (const int64_t depth : {1, 300, 1023, 1024, 1025, 2500}) {
    CAPTURE(depth);
    Product product(random, {13, 75, depth}, simd_product);
    CHECK(product.difference_to_reference(random, false) == "");
  }
}

TEST_CASE("simd_gemm: a single row has the bits that it has among others, also of long sums") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(25);
    for (const int64_t columns : {2, 7, 8, 10, 16, 17, 32, 33}) {
      for (const int64_t depth : {70, 1024, 1025, 2048, 2500, 4096, 5000, 9001}) {
        CAPTURE(columns);
        CAPTURE(depth);
        const Accumulate accumulate = random.pick({Accumulate::kOverwrite, Accumulate::kAdd});
        GuardedBuffer a(random.normal(2 * depth), 1);
        GuardedBuffer b(random.normal(depth * columns), 3);
        const std::vector<float> before = random.normal(2 * columns);
        GuardedBuffer both(before, 1);
        GuardedBuffer one(std::vector<float>(before.begin() + columns, before.end()), 1);
        simd_gemm({2, columns, depth}, {a.data(), depth}, {b.data(), columns}, accumulate, both.data(), columns);
        simd_gemm({1, columns, depth}, {a.data() + depth, depth}, {b.data(), columns}, accumulate, one.data(), columns);
        CHECK(difference_in_bits(one.span(), both.span().subspan(static_cast<size_t>(columns))) == "");
        CHECK(one.intact());
      }
    }
  });
}

TEST_CASE("simd_gemm: products of one column agree exactly on every instruction set, what lies beside them stays") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(24);
    for (int i = 0; i < 400; ++i) {
      CAPTURE(i);
      const int64_t rows = random.pick({0, 1, 7, 16, 33, 64, 130, 300});
      const int64_t depth = random.pick({0, 1, 15, 17, 64, 130, 1030, 2100});
      const bool transposed = random.integer(0, 1) == 1;
      const int64_t a_stride = (transposed ? rows : depth) + random.pick({0, 3, 512});
      const int64_t c_stride = random.pick({1, 3});
      const Accumulate accumulate = random.pick({Accumulate::kOverwrite, Accumulate::kAdd});
      CAPTURE(rows);
      CAPTURE(depth);
      CAPTURE(transposed);
      GuardedBuffer a(random.integers((transposed ? depth : rows) * a_stride), 1);
      GuardedBuffer b(random.integers(depth), 1);
      const std::vector<float> before = random.integers(rows * c_stride);
      GuardedBuffer c(before, 3);
      simd_gemm({rows, 1, depth}, {a.data(), a_stride, transposed ? Transpose::kYes : Transpose::kNo}, {b.data(), 1},
                accumulate, c.data(), c_stride);
      std::vector<float> expected = before;
      for (int64_t r = 0; r < rows; ++r) {
        double sum = accumulate == Accumulate::kAdd ? before[static_cast<size_t>(r * c_stride)] : 0;
        for (int64_t k = 0; k < depth; ++k) {
          sum += double{a.data()[transposed ? k * a_stride + r : r * a_stride + k]} * b.data()[k];
        }
        expected[static_cast<size_t>(r * c_stride)] = static_cast<float>(sum);
      }
      CHECK(c.values() == expected);
      CHECK(c.intact());
    }
  });
}

TEST_CASE("simd_gemm_panels: the bits of simd_gemm on every instruction set, gaps between panels are not read") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(19);
    for (int i = 0; i < 200; ++i) {
      CAPTURE(i);
      // Not of one column, whose sums simd_gemm makes in another order.
      const ProductShape shape{random.pick({0, 1, 5, 6, 7, 13, 33}), random.pick({0, 2, 7, 16, 31, 33, 64, 65, 130}),
                               random.pick({0, 1, 2, 15, 17, 1030})};
      const int64_t panels = (shape.columns + kPanelColumns - 1) / kPanelColumns;
      const int64_t panel = shape.depth * kPanelColumns + random.pick({0, 5});
      GuardedBuffer a(random.normal(shape.rows * shape.depth), 1);
      const std::vector<float> b = random.normal(shape.depth * shape.columns);
      // What is no element of b stays NaN.
      GuardedBuffer b_panels(panels * panel, 1);
      for (int64_t k = 0; k < shape.depth; ++k) {
        for (int64_t j = 0; j < shape.columns; ++j) {
          b_panels.data()[j / kPanelColumns * panel + k * kPanelColumns + j % kPanelColumns] =
              b[static_cast<size_t>(k * shape.columns + j)];
        }
      }
      const Accumulate accumulate = random.pick({Accumulate::kOverwrite, Accumulate::kAdd});
      const std::vector<float> before = random.normal(shape.rows * shape.columns);
      GuardedBuffer expected(before);
      GuardedBuffer actual(before, 3);
      const MatrixOperand left{a.data(), shape.depth};
      simd_gemm(shape, left, {b.data(), shape.columns}, accumulate, expected.data(), shape.columns);
      simd_gemm_panels(shape, left, {b_panels.data(), panel}, accumulate, actual.data(), shape.columns);
      CHECK(difference_in_bits(actual.span(), expected.span()) == "");
      CHECK(actual.intact());
    }
  });
}

TEST_CASE("simd_gemm: the same bits, whatever it prefetches, on every instruction set") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(23);
    for (int i = 0; i < 200; ++i) {
      CAPTURE(i);
      const ProductShape shape{random.pick({1, 5, 12, 13, 33}), random.pick({1, 16, 31, 32, 64, 130}),
                               random.pick({1, 2, 17, 1030})};
      const std::vector<float> a = random.normal(shape.rows * shape.depth);
      const std::vector<float> b = random.normal(shape.depth * shape.columns);
      const Accumulate accumulate = random.pick({Accumulate::kOverwrite, Accumulate::kAdd});
      const std::vector<float> before = random.normal(shape.rows * shape.columns);
      GuardedBuffer expected(before);
      GuardedBuffer actual(before, 3);
      // Some lines, a part of one, more than the product has steps; none also between others.
      GuardedBuffer prefetched(random.normal(random.pick({1, 15, 17, 100, 40'000})), 1);
      const ByteSpan some = std::as_bytes(prefetched.span());
      using Spans = std::vector<ByteSpan>;
      const Spans upcoming =
          random.pick({Spans{some}, Spans{ByteSpan(), some}, Spans{some.first(1), some, ByteSpan()}, Spans(7, some)});
      simd_gemm(shape, {a.data(), shape.depth}, {b.data(), shape.columns}, accumulate, expected.data(), shape.columns);
      simd_gemm(shape, {a.data(), shape.depth}, {b.data(), shape.columns}, accumulate, actual.data(), shape.columns,
                upcoming);
      CHECK(difference_in_bits(actual.span(), expected.span()) == "");
      CHECK(actual.intact());
    }
  });
}

TEST_CASE("simd_gemm_segments: the same bits, whatever it prefetches, on every instruction set") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(24);
    for (int i = 0; i < 100; ++i) {
      CAPTURE(i);
      const ProductShape shape{random.pick({1, 5, 12, 33, 48}), random.pick({12, 16, 32, 61, 64}),
                               random.pick({1, 17, 64})};
      const int64_t segments = random.integer(1, 5);
      const int64_t columns = (shape.columns + kPanelColumns - 1) / kPanelColumns * kPanelColumns;
      const std::vector<float> a = random.normal(segments * shape.rows * shape.depth);
      const std::vector<float> b = random.normal(segments * shape.depth * columns);
      const SegmentedRows rows{a.data(), shape.depth, shape.rows * shape.depth};
      const SegmentedPanels panels{b.data(), segments * shape.depth * kPanelColumns, shape.depth * kPanelColumns};
      const Accumulate accumulate = random.pick({Accumulate::kOverwrite, Accumulate::kAdd});
      const std::vector<float> before = random.normal(shape.rows * shape.columns);
      GuardedBuffer expected(before);
      GuardedBuffer actual(before, 3);
      GuardedBuffer prefetched(random.normal(random.pick({1, 100, 40'000})), 1);
      const std::vector<ByteSpan> upcoming(3, std::as_bytes(prefetched.span()));
      simd_gemm_segments(shape, segments, rows, panels, accumulate, expected.data(), shape.columns);
      simd_gemm_segments(shape, segments, rows, panels, accumulate, actual.data(), shape.columns, upcoming);
      CHECK(difference_in_bits(actual.span(), expected.span()) == "");
      CHECK(actual.intact());
    }
  });
}

TEST_CASE("simd_gemm_packing: integers agree exactly with their bias and relu, several pieces of depth, gaps stay") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(16);
    for (int i = 0; i < 60; ++i) {
      CAPTURE(i);
      const ProductShape shape{random.integer(1, 40), 16 * random.integer(1, 10),
                               i % 4 == 0 ? random.integer(250, 600) : random.integer(0, 70)};
      const auto transpose = random.pick({Transpose::kNo, Transpose::kYes});
      const bool transposed = transpose == Transpose::kYes;
      const int64_t a_stride = (transposed ? shape.rows : shape.depth) + random.integer(0, 3);
      const int64_t b_stride = shape.columns + random.integer(0, 300);
      const int64_t c_stride = shape.columns + random.integer(0, 3);
      GuardedBuffer a(random.integers((transposed ? shape.depth : shape.rows) * a_stride), 1);
      GuardedBuffer b(random.integers(shape.depth * b_stride), 2);
      GuardedBuffer c(random.integers(shape.rows * c_stride), 3);
      const std::vector<float> bias = random.integers(shape.rows);
      const Epilogue epilogue{.row_bias = i % 3 == 0 ? nullptr : bias.data(), .relu = i % 2 == 0};
      const int64_t live = random.pick<int64_t>({kPanelColumns, kPanelColumns / 2});
      std::vector<double> expected = to_double(c.values());
      reference::matrix_product(shape, {to_double(a.values()).data(), a_stride, transpose},
                                {to_double(b.values()).data(), b_stride}, Accumulate::kOverwrite, expected.data(),
                                c_stride);
      for (int64_t at = 0; at < shape.rows * c_stride; ++at) {
        double& value = expected[static_cast<size_t>(at)];
        if (at % c_stride >= shape.columns) continue;
        if (epilogue.row_bias != nullptr) value += bias[static_cast<size_t>(at / c_stride)];
        if (epilogue.relu) value = std::max(value, 0.0);
      }
      const auto counts = [&](int64_t column) { return column >= shape.columns || column % kPanelColumns < live; };
      for (int64_t at = 0; at < shape.rows * c_stride; ++at) {
        if (!counts(at % c_stride)) c.data()[at] = std::numeric_limits<float>::quiet_NaN();
      }
      simd_gemm_packing(shape, {a.data(), a_stride, transpose}, {b.data(), b_stride}, live, epilogue, c.data(),
                        c_stride);
      for (int64_t at = 0; at < shape.rows * c_stride; ++at) {
        if (counts(at % c_stride)) continue;
        CHECK((c.data()[at] == 0 || c.data()[at] == expected[static_cast<size_t>(at)]));
        expected[static_cast<size_t>(at)] = c.data()[at];
      }
      CHECK(difference(c.span(), expected, std::vector<double>(expected.size(), 0.0)) == "");
      CHECK(c.intact());
    }
  });
}

TEST_CASE(
    "simd_gemm_windows: integers agree exactly with a convolution along a row, its bias and relu, on every instruction "
    "set") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(18);
    for (int i = 0; i < 200; ++i) {
      CAPTURE(i);
      const int64_t rows = random.pick({1, 2, 5, 6, 7, 13, 30});
      const int64_t columns = random.pick({1, 10, 16, 31, 64, 70});
      const ImageWindows shape{.data = nullptr,
                               .stride = random.pick({1, 3, 8}),
                               .segments = random.pick({1, 2, 5}),
                               .segment = random.pick({4, 17}),
                               .length = random.pick({1, 3, 9})};
      const int64_t depth = shape.segments * shape.length;
      GuardedBuffer image(
          random.integers((rows - 1) * shape.stride + (shape.segments - 1) * shape.segment + shape.length), 1);
      GuardedBuffer b(random.integers(depth * columns), 1);
      const int64_t stride = columns + random.pick({0, 3});
      const bool add = random.integer(0, 1) == 1;
      GuardedBuffer c(random.integers(rows * stride), 1);
      GuardedBuffer bias(random.integers(columns), 1);
      const Epilogue epilogue{.column_bias = i % 3 == 0 ? nullptr : bias.data(), .relu = i % 2 == 0};
      std::vector<double> expected = to_double(c.values());
      for (int64_t r = 0; r < rows; ++r) {
        for (int64_t j = 0; j < columns; ++j) {
          double sum = add ? expected[static_cast<size_t>(r * stride + j)] : 0;
          for (int64_t k = 0; k < depth; ++k) {
            const int64_t at = r * shape.stride + k / shape.length * shape.segment + k % shape.length;
            sum += double{image.data()[at]} * b.data()[k * columns + j];
          }
          if (epilogue.column_bias != nullptr) sum += bias.data()[j];
          expected[static_cast<size_t>(r * stride + j)] = epilogue.relu ? std::max(sum, 0.0) : sum;
        }
      }
      ImageWindows windows = shape;
      windows.data = image.data();
      simd_gemm_windows(rows, columns, windows, {b.data(), kPanelColumns, columns},
                        add ? Accumulate::kAdd : Accumulate::kOverwrite, c.data(), stride, epilogue);
      CHECK(difference(c.span(), expected, Tolerance{}) == "");
      CHECK(c.intact());
    }
  });
}

TEST_CASE("simd_gemm_pixels: integers agree exactly with the sum over an image's pixels, gaps stay") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(19);
    for (int i = 0; i < 80; ++i) {
      CAPTURE(i);
      const int64_t filters = random.integer(1, 30);
      const int64_t columns = random.integer(1, 150);
      const int64_t pixels = random.integer(1, 12);
      const int64_t rows = random.integer(1, 6);
      const int64_t stride = random.integer(1, 9);
      const int64_t row = pixels * stride + random.integer(0, 20);
      const int64_t a_stride = filters + random.integer(0, 3);
      const int64_t c_stride = columns + random.integer(0, 3);
      GuardedBuffer a(random.integers(rows * pixels * a_stride), 1);
      GuardedBuffer b(random.integers((rows - 1) * row + (pixels - 1) * stride + columns), 2);
      GuardedBuffer c(random.integers(filters * c_stride), 3);
      const auto accumulate = random.pick({Accumulate::kOverwrite, Accumulate::kAdd});
      std::vector<double> expected = to_double(c.values());
      for (int64_t f = 0; f < filters; ++f) {
        for (int64_t j = 0; j < columns; ++j) {
          double& sum = expected[static_cast<size_t>(f * c_stride + j)];
          if (accumulate == Accumulate::kOverwrite) sum = 0;
          for (int64_t p = 0; p < rows * pixels; ++p) {
            sum += static_cast<double>(a.data()[p * a_stride + f]) *
                   static_cast<double>(b.data()[p / pixels * row + p % pixels * stride + j]);
          }
        }
      }
      simd_gemm_pixels(filters, columns, {a.data(), a_stride, pixels, rows, pixels * a_stride},
                       {b.data(), stride, pixels, rows, row}, accumulate, c.data(), c_stride);
      CHECK(difference(c.span(), expected, std::vector<double>(expected.size(), 0.0)) == "");
      CHECK(c.intact());
    }
  });
}

TEST_CASE("simd_gemm: a transposed operand whose rows lie 2 KiB apart, few columns, several pieces of rows and depth") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(17);
    for (int i = 0; i < 60; ++i) {
      CAPTURE(i);
      Product product(
          random,
          {random.pick({1, 63, 64, 65, 131}), random.pick({1, 10, 16, 17}), random.pick({1, 31, 127, 128, 129, 300})},
          simd_product);
      product.a_transpose = Transpose::kYes;
      product.a_rows = product.shape.depth;
      product.a_stride = random.pick({512, 1024});
      CHECK(product.difference_to_reference(random, true) == "");
    }
  });
}

TEST_CASE("transpose: every element, whole and partial blocks of four, gaps stay") {
  RandomData random(16);
  for (const int64_t rows : {1, 3, 4, 7, 16, 33}) {
    for (const int64_t columns : {1, 2, 4, 9, 64}) {
      CAPTURE(rows);
      CAPTURE(columns);
      GuardedBuffer source(random.normal(rows * (columns + 1)), 1);
      GuardedBuffer target(std::vector<float>(static_cast<size_t>(columns * (rows + 2)), 5.0F), 3);
      std::vector<float> expected = target.values();
      for (int64_t r = 0; r < rows; ++r) {
        for (int64_t c = 0; c < columns; ++c) {
          expected[static_cast<size_t>(c * (rows + 2) + r)] = source.span()[static_cast<size_t>(r * (columns + 1) + c)];
        }
      }
      transpose(rows, columns, source.data(), columns + 1, target.data(), rows + 2);
      CHECK(difference_in_bits(target.values(), expected) == "");
      CHECK(target.intact());
    }
  }
}
