// Reproducible test data, from a generator that is not the library's.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <random>
#include <vector>

namespace gradloom::test {

class RandomData {
 public:
  explicit RandomData(uint64_t seed) : engine_(seed) {}

  // In [lowest, highest].
  int64_t integer(int64_t lowest, int64_t highest);
  // In [0, 1).
  double unit();
  template <class T>
  T pick(std::initializer_list<T> values) {
    return *std::next(values.begin(), integer(0, static_cast<int64_t>(values.size()) - 1));
  }

  // Integers in [-limit, limit]: sums of products below 2^24 are exact in float, in any order.
  std::vector<float> integers(int64_t count, int64_t limit = 4);
  // Standard normal values.
  std::vector<float> normal(int64_t count);
  // A permutation of 0 ... count - 1, times `step`: all values at least `step` apart.
  std::vector<float> distinct(int64_t count, float step);

 private:
  std::mt19937_64 engine_;
};

inline std::vector<double> to_double(const std::vector<float>& values) { return {values.begin(), values.end()}; }

}  // namespace gradloom::test
