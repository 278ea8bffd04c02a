#include "common/shape.h"

#include <algorithm>

#include "common/checked.h"
#include "common/error.h"

namespace gradloom {

Shape::Shape(std::initializer_list<int64_t> dims) { assign(dims.begin(), dims.size()); }

Shape::Shape(const std::vector<int64_t>& dims) { assign(dims.data(), dims.size()); }

void Shape::assign(const int64_t* dims, size_t rank) {
  if (rank > kMaxRank) {
    throw Error("SHAPE_MISMATCH", "a shape has " + std::to_string(rank) + " dimensions; at most " +
                                      std::to_string(kMaxRank) + " are supported");
  }
  for (size_t axis = 0; axis < rank; ++axis) {
    if (dims[axis] < 1) {
      throw Error("SHAPE_MISMATCH", "dimension " + std::to_string(axis) + " of a shape is " +
                                        std::to_string(dims[axis]) + "; every dimension must be at least 1");
    }
    dims_[axis] = dims[axis];
    size_ = checked_multiply(size_, dims[axis]);
  }
  rank_ = static_cast<int>(rank);
}

bool Shape::operator==(const Shape& other) const {
  return rank_ == other.rank_ && std::equal(begin(), end(), other.begin());
}

std::string Shape::to_string() const {
  std::string text = "[";
  for (int axis = 0; axis < rank_; ++axis) {
    if (axis > 0) text += ", ";
    text += std::to_string((*this)[axis]);
  }
  return text + "]";
}

}  // namespace gradloom
