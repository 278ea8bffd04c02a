// The elements of a table, row by row: floats, or bfloat16 that are read as the floats that they stand for.
#pragma once

#include <cstdint>

#include "common/bfloat16.h"
#include "common/prefetch.h"

namespace gradloom {

enum class ElementType { kFloat32, kBfloat16 };

constexpr int64_t bytes_of(ElementType type) { return type == ElementType::kFloat32 ? 4 : 2; }

// A table of bfloat16 where it lies among floats.
inline const Bfloat16* as_bfloat16(const float* storage) { return reinterpret_cast<const Bfloat16*>(storage); }
inline Bfloat16* as_bfloat16(float* storage) { return reinterpret_cast<Bfloat16*>(storage); }

class TableElements {
 public:
  // From a pointer, as kernels take one.
  TableElements(const float* floats) : type_(ElementType::kFloat32), data_(floats) {}      // NOLINT
  TableElements(const Bfloat16* halves) : type_(ElementType::kBfloat16), data_(halves) {}  // NOLINT
  // Of a parameter of `count` elements among floats.
  TableElements(ElementType type, const float* storage, int64_t count)
      : type_(type), larger_than_l2_(exceeds_l2(count * bytes_of(type))), data_(storage) {}

  // Whether its rows come from beyond L2.
  bool larger_than_l2() const { return larger_than_l2_; }

  // read(const float*) or read(const Bfloat16*).
  template <class Read>
  void visit(Read read) const {
    if (type_ == ElementType::kFloat32) {
      read(static_cast<const float*>(data_));
    } else {
      read(static_cast<const Bfloat16*>(data_));
    }
  }

 private:
  ElementType type_;
  bool larger_than_l2_ = true;
  const void* data_;
};

}  // namespace gradloom
