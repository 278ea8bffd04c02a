// Samples in mapped files: rows of bytes or floats, each at a fixed distance from the one before, one file's behind
// another's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/mapped_file.h"

namespace gradloom {

struct RowFormat {
  enum class Type { kUint8, kFloat32, kSwappedFloat32 };  // swapped: of the other byte order
  Type type = Type::kUint8;
  int64_t size = 0;    // values of a row
  int64_t stride = 0;  // bytes from a row to the next
  // Bytes lie as [planes][size / planes] and are read as [size / planes][planes], channels last.
  int64_t planes = 1;

  int64_t bytes() const { return size * (type == Type::kUint8 ? 1 : 4); }
};

// The rows of a file of `bytes` bytes, from `offset` on, which need not be aligned.
struct FileRows {
  std::string path;
  int64_t bytes = 0;
  int64_t offset = 0;
  int64_t rows = 0;
};

// What a value is multiplied with and what is added, each [size].
struct RowMap {
  const float* scale;
  const float* shift;
  bool identity;
};

class MappedRows {
 public:
  // Whether the system can keep all files in memory beside what else it holds.
  enum class Room { kEnough, kTooLittle };
  // Throws what MappedFile throws, SHAPE_MISMATCH when rows go beyond a file and INVALID_ARGUMENT for an odd format.
  MappedRows(const RowFormat& format, const std::vector<FileRows>& files, Room room = Room::kEnough);

  const RowFormat& format() const { return format_; }
  int64_t rows() const { return rows_; }

  // Row `row` as stored, channels last, in the byte order of this machine: [size] of uint8 or float32.
  void copy(int64_t row, void* out) const;
  // The same as a model sees it.
  void read(int64_t row, const RowMap& map, float* out) const;
  // Throws FILE_CHANGED, naming the file, when what was read may be wrong. Files are looked at in turn, one a call, and
  // those that a read has failed on at once.
  void check() const;
  // Says how rows are going to be read. True when each is to be asked for by `prefetch` before: where there is no room
  // for what the system would read around the rows of a random order.
  bool expect(bool in_order) const;
  // Has the system read a row in the background.
  void prefetch(int64_t row) const;

 private:
  struct Segment {
    std::shared_ptr<MappedFile> file;
    const uint8_t* data;
    int64_t end;  // the first row that is not of this or an earlier one
    int64_t first;
  };
  const Segment& segment_of(int64_t row) const;
  const uint8_t* at(int64_t row) const;

  RowFormat format_;
  std::vector<Segment> segments_;
  int64_t rows_ = 0;
  Room room_;
  mutable std::atomic<MappedFile::Access> access_{MappedFile::Access::kAny};
  mutable std::atomic<uint64_t> checks_{0};
};

}  // namespace gradloom
