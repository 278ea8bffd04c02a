// Words [first, first + x.size()) of a stream against a threshold, one by one.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "kernels/random/dropout.h"

namespace gradloom::reference {

struct Dropped {
  std::vector<uint8_t> kept;  // bit i % 8 of byte i / 8
  std::vector<float> y;
};

inline Dropped drop(const DropRule& rule, int64_t first, std::span<const float> x) {
  Dropped dropped{std::vector<uint8_t>((x.size() + 7) / 8), std::vector<float>(x.size())};
  for (size_t i = 0; i < x.size(); ++i) {
    if (rule.random.word(static_cast<uint64_t>(first) + i) < rule.threshold) continue;
    dropped.kept[i / 8] = static_cast<uint8_t>(dropped.kept[i / 8] | 1U << (i % 8));
    dropped.y[i] = x[i] * rule.scale;
  }
  return dropped;
}

}  // namespace gradloom::reference
