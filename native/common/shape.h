// The shape of one sample or of one parameter: up to four dimensions, each at least 1, checked on construction.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

namespace gradloom {

class Shape {
 public:
  static constexpr int kMaxRank = 4;

  Shape() = default;
  Shape(std::initializer_list<int64_t> dims);
  explicit Shape(const std::vector<int64_t>& dims);

  int rank() const { return rank_; }
  int64_t operator[](int axis) const { return dims_[static_cast<size_t>(axis)]; }
  // For a rank of at least 1.
  int64_t back() const { return dims_[static_cast<size_t>(rank_ - 1)]; }
  // Product of the dimensions; 1 for a scalar.
  int64_t size() const { return size_; }

  const int64_t* begin() const { return dims_.data(); }
  const int64_t* end() const { return dims_.data() + rank_; }

  bool operator==(const Shape& other) const;
  // "[28, 28, 1]"
  std::string to_string() const;

 private:
  void assign(const int64_t* dims, size_t rank);

  std::array<int64_t, kMaxRank> dims_{};
  int rank_ = 0;
  int64_t size_ = 1;
};

}  // namespace gradloom
