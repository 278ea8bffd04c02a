#include "datasets/mapped_rows.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "common/checked.h"
#include "common/error.h"
#include "kernels/gather/affine.h"

namespace gradloom {
namespace {

void check_format(const RowFormat& format) {
  const bool planar = format.planes != 1;
  if (format.size > 0 && format.planes > 0 && format.size % format.planes == 0 && format.stride >= format.bytes() &&
      (!planar || format.type == RowFormat::Type::kUint8)) {
    return;
  }
  throw Error("INVALID_ARGUMENT", "rows of " + std::to_string(format.size) + " values in " +
                                      std::to_string(format.planes) + " planes, " + std::to_string(format.stride) +
                                      " bytes apart, cannot be mapped");
}

void swap_bytes(float* values, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    uint32_t bits = 0;
    std::memcpy(&bits, values + i, sizeof(bits));
    bits = __builtin_bswap32(bits);
    std::memcpy(values + i, &bits, sizeof(bits));
  }
}

bool aligned(const uint8_t* data) { return reinterpret_cast<uintptr_t>(data) % alignof(float) == 0; }

}  // namespace

MappedRows::MappedRows(const RowFormat& format, const std::vector<FileRows>& files, Room room)
    : format_(format), room_(room) {
  check_format(format);
  for (const FileRows& each : files) {
    const int64_t needed =
        each.rows == 0 ? 0 : each.offset + checked_multiply(each.rows - 1, format.stride) + format.bytes();
    if (each.offset < 0 || each.rows < 1 || needed > each.bytes) {
      throw Error("SHAPE_MISMATCH", each.path + ": " + std::to_string(each.rows) + " rows from byte " +
                                        std::to_string(each.offset) + " on do not lie within its " +
                                        std::to_string(each.bytes) + " bytes");
    }
    auto file = std::make_shared<MappedFile>(each.path, each.bytes);
    const uint8_t* data = file->data() + each.offset;
    segments_.push_back({std::move(file), data, rows_ + each.rows, rows_});
    rows_ += each.rows;
  }
}

const MappedRows::Segment& MappedRows::segment_of(int64_t row) const {
  return *std::upper_bound(segments_.begin(), segments_.end(), row,
                           [](int64_t place, const Segment& segment) { return place < segment.end; });
}

const uint8_t* MappedRows::at(int64_t row) const {
  const Segment& segment = segment_of(row);
  return segment.data + (row - segment.first) * format_.stride;
}

void MappedRows::copy(int64_t row, void* out) const {
  const uint8_t* stored = at(row);
  if (format_.planes == 1) {
    std::memcpy(out, stored, static_cast<size_t>(format_.bytes()));
    if (format_.type == RowFormat::Type::kSwappedFloat32) swap_bytes(static_cast<float*>(out), format_.size);
    return;
  }
  const int64_t planes = format_.planes;
  const int64_t pixels = format_.size / planes;
  auto* bytes = static_cast<uint8_t*>(out);
  for (int64_t plane = 0; plane < planes; ++plane) {
    for (int64_t pixel = 0; pixel < pixels; ++pixel) bytes[pixel * planes + plane] = stored[plane * pixels + pixel];
  }
}

// Products and sums are rounded each, as the kernel does, so that the bits are those of samples in memory.
void MappedRows::read(int64_t row, const RowMap& map, float* out) const {
  const uint8_t* stored = at(row);
  const int64_t size = format_.size;
  const auto [scale, shift, identity] = map;
  if (format_.type == RowFormat::Type::kUint8) {
    if (format_.planes == 1) {
      affine_from_bytes(stored, scale, shift, size, out);
      return;
    }
    const int64_t planes = format_.planes;
    const int64_t pixels = size / planes;
    for (int64_t pixel = 0; pixel < pixels; ++pixel) {
      for (int64_t plane = 0; plane < planes; ++plane) {
        const int64_t j = pixel * planes + plane;
        out[j] = static_cast<float>(stored[plane * pixels + pixel]) * scale[j] + shift[j];
      }
    }
    return;
  }
  if (format_.type == RowFormat::Type::kFloat32 && !identity && aligned(stored)) {
    affine(reinterpret_cast<const float*>(stored), scale, shift, size, out);
    return;
  }
  copy(row, out);
  if (identity) return;
  for (int64_t j = 0; j < size; ++j) out[j] = out[j] * scale[j] + shift[j];
}

void MappedRows::check() const {
  for (const Segment& segment : segments_) {
    if (segment.file->lost()) segment.file->check();
  }
  const uint64_t turn = checks_.fetch_add(1, std::memory_order_relaxed);
  segments_[turn % segments_.size()].file->check();
}

bool MappedRows::expect(bool in_order) const {
  using Access = MappedFile::Access;
  const Access access = in_order ? Access::kInOrder : room_ == Room::kEnough ? Access::kAny : Access::kRandom;
  if (access_.exchange(access, std::memory_order_relaxed) != access) {
    for (const Segment& segment : segments_) segment.file->expect(access);
  }
  return access == Access::kRandom;
}

void MappedRows::prefetch(int64_t row) const { segment_of(row).file->prefetch(at(row), format_.bytes()); }

}  // namespace gradloom
