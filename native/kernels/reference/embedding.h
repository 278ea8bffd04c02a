// Lookups and bags by their definitions, in double: the oracle of the tests. Letters as in
// kernels/embedding/sparse_rows.h.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/embedding/embedding.h"

namespace gradloom::reference {

// y[N, D] of bags of rows of a table [R, D].
std::vector<double> pool_rows(const BagRule& rule, const SparseRows& bags, const std::vector<double>& table,
                              int64_t width);

// The gradient of the table, [R, D], dense, for dy [N, D].
std::vector<double> pool_rows_backward(const BagRule& rule, const SparseRows& bags, const std::vector<double>& table,
                                       int64_t width, const std::vector<double>& dy);

}  // namespace gradloom::reference
