// The matrices of Winograd's F(4, 3) and F(2, 5) by their construction (Toom and Cook: a product of polynomials
// from its values at points), in double, and products with them. Twin of kernels/winograd/transforms.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace gradloom::reference {

// Rows by columns.
struct SmallMatrix {
  int64_t rows;
  int64_t columns;
  std::vector<double> values;

  double at(int64_t r, int64_t c) const { return values[static_cast<size_t>(r * columns + c)]; }
  SmallMatrix transposed() const;
  SmallMatrix magnitudes() const;
};

// The matrix of an axis that is not transformed.
SmallMatrix identity_of_one();

// For infinity and, before it, the first of the points 0, 5/8, -5/8, 3/2, -3/2: n = outputs + taps - 1 of them, up to
// 6: A [n, outputs], B^T [n, n], G [n, taps]. G is that of all six points, of which it has the rows, and B^T is scaled
// to match.
SmallMatrix winograd_a(int64_t outputs, int64_t taps);
SmallMatrix winograd_b_transposed(int64_t points);
SmallMatrix winograd_g(int64_t outputs, int64_t taps);

// The matrices of one transform, for columns and for rows.
struct BothAxes {
  SmallMatrix height;
  SmallMatrix width;

  BothAxes transposed() const { return {height.transposed(), width.transposed()}; }
  BothAxes magnitudes() const { return {height.magnitudes(), width.magnitudes()}; }
};
// height x width^T.
std::vector<double> two_sided(const BothAxes& m, const std::vector<double>& x);

}  // namespace gradloom::reference
