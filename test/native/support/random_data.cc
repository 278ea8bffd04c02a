#include "support/random_data.h"

#include <cmath>
#include <numbers>
#include <utility>

namespace gradloom::test {

int64_t RandomData::integer(int64_t lowest, int64_t highest) {
  return lowest + static_cast<int64_t>(engine_() % static_cast<uint64_t>(highest - lowest + 1));
}

double RandomData::unit() { return static_cast<double>(engine_() >> 11) * 0x1p-53; }

std::vector<float> RandomData::integers(int64_t count, int64_t limit) {
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = static_cast<float>(integer(-limit, limit));
  return values;
}

std::vector<float> RandomData::normal(int64_t count) {
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) {
    const double radius = std::sqrt(-2 * std::log(1 - unit()));
    value = static_cast<float>(radius * std::cos(2 * std::numbers::pi * unit()));
  }
  return values;
}

std::vector<float> RandomData::distinct(int64_t count, float step) {
  std::vector<float> values(static_cast<size_t>(count));
  for (size_t i = 0; i < values.size(); ++i) values[i] = (static_cast<float>(i) - static_cast<float>(count) / 2) * step;
  for (size_t i = values.size(); i > 1; --i) {
    std::swap(values[i - 1], values[static_cast<size_t>(integer(0, static_cast<int64_t>(i) - 1))]);
  }
  return values;
}

}  // namespace gradloom::test
