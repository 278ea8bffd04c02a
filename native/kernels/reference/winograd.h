// The matrices of Winograd's F(4, 3) and F(2, 5) by their construction (Toom and Cook: a product of polynomials
// from its values at points), in double, and products with them. Twin of kernels/winograd.h.
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

// For the points 0, +-5/8, +-3/2 and infinity: A [6, outputs], B^T [6, 6], G [6, taps]; outputs and taps make 7.
SmallMatrix winograd_a(int64_t outputs);
SmallMatrix winograd_b_transposed();
SmallMatrix winograd_g(int64_t taps);

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
