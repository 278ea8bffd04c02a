#include "kernels/reference/embedding.h"

#include <algorithm>

namespace gradloom::reference {
namespace {

struct Entry {
  size_t number;
  size_t row;
  double value;
};

// Of a sample, without padding.
std::vector<Entry> entries_of(const BagRule& rule, const SparseRows& bags, int64_t sample) {
  std::vector<Entry> entries;
  for (int64_t e = bags.offsets[sample]; e < bags.offsets[sample + 1]; ++e) {
    if (int64_t{bags.indices[e]} == rule.padding) continue;
    entries.push_back({static_cast<size_t>(e), bags.indices[e], bags.values == nullptr ? 1.0 : bags.values[e]});
  }
  return entries;
}

// The first entry whose row has the largest value in column `d`.
const Entry& winner(const std::vector<Entry>& entries, const std::vector<double>& table, size_t width, size_t d) {
  return *std::max_element(entries.begin(), entries.end(), [&](const Entry& a, const Entry& b) {
    return table[a.row * width + d] < table[b.row * width + d];
  });
}

}  // namespace

std::vector<double> pool_rows(const BagRule& rule, const SparseRows& bags, const std::vector<double>& table,
                              int64_t width) {
  const auto columns = static_cast<size_t>(width);
  std::vector<double> y(static_cast<size_t>(bags.count) * columns);
  for (int64_t n = 0; n < bags.count; ++n) {
    const std::vector<Entry> entries = entries_of(rule, bags, n);
    if (entries.empty()) continue;
    for (size_t d = 0; d < columns; ++d) {
      double& out = y[static_cast<size_t>(n) * columns + d];
      if (rule.pooling == Pooling::kMax) {
        out = table[winner(entries, table, columns, d).row * columns + d];
        continue;
      }
      for (const Entry& entry : entries) out += entry.value * table[entry.row * columns + d];
      if (rule.pooling == Pooling::kMean) out /= static_cast<double>(entries.size());
    }
  }
  return y;
}

std::vector<double> pool_rows_backward(const BagRule& rule, const SparseRows& bags, const std::vector<double>& table,
                                       int64_t width, const std::vector<double>& dy) {
  const auto columns = static_cast<size_t>(width);
  std::vector<double> gradient(table.size());
  for (int64_t n = 0; n < bags.count; ++n) {
    const std::vector<Entry> entries = entries_of(rule, bags, n);
    if (entries.empty()) continue;
    for (size_t d = 0; d < columns; ++d) {
      const double g = dy[static_cast<size_t>(n) * columns + d];
      if (rule.pooling == Pooling::kMax) {
        gradient[winner(entries, table, columns, d).row * columns + d] += g;
        continue;
      }
      const double share = rule.pooling == Pooling::kMean ? g / static_cast<double>(entries.size()) : g;
      for (const Entry& entry : entries) gradient[entry.row * columns + d] += entry.value * share;
    }
  }
  return gradient;
}

}  // namespace gradloom::reference
