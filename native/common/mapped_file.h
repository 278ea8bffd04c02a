// A whole file in the address space, read only: its pages come from the system's cache when they are touched, and go
// when the system needs their memory.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "common/bus_guard.h"

namespace gradloom {

class MappedFile {
 public:
  // Throws FILE_NOT_FOUND, FILE_CHANGED when it has not `bytes` bytes, at least 1, and OUT_OF_MEMORY.
  MappedFile(std::string path, int64_t bytes);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const uint8_t* data() const { return data_; }
  // Whether reading has met what is not there any more.
  bool lost() const { return guard_->hit(); }
  // Throws FILE_CHANGED when it is not as it was when it was mapped: what was read before this may be anything.
  void check() const;

  // Any: the system reads ahead as much as it finds right, which is around each place that is touched.
  enum class Access { kAny, kInOrder, kRandom };
  void expect(Access access) const;
  // Has the system read these bytes in the background.
  void prefetch(const uint8_t* begin, int64_t bytes) const;

 private:
  explicit MappedFile(std::string path);  // opens it

  std::string path_;
  int file_;
  int64_t bytes_ = 0;
  timespec modified_{};
  uint8_t* data_ = nullptr;
  std::unique_ptr<BusGuard> guard_;
};

}  // namespace gradloom
