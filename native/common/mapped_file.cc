#include "common/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "common/error.h"

namespace gradloom {
namespace {

uintptr_t page_size() {
  static const auto size = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  return size;
}

Error changed(const std::string& path, const std::string& how) {
  return {"FILE_CHANGED", path + ": " + how +
                              " while it was mapped; a file must stay as it is for as long as a dataset is mapped to "
                              "it. Make the dataset again, or read it with memory: 'copy'"};
}

}  // namespace

MappedFile::MappedFile(std::string path) : path_(std::move(path)), file_(open(path_.c_str(), O_RDONLY | O_CLOEXEC)) {
  if (file_ < 0) throw Error("FILE_NOT_FOUND", path_ + ": cannot be opened (" + std::strerror(errno) + ")");
}

// From here on the destructor gives back what is there.
MappedFile::MappedFile(std::string path, int64_t bytes) : MappedFile(std::move(path)) {
  bytes_ = bytes;
  struct stat status {};
  fstat(file_, &status);
  modified_ = status.st_mtim;
  void* memory = status.st_size == bytes && bytes > 0
                     ? mmap(nullptr, static_cast<size_t>(bytes), PROT_READ, MAP_SHARED, file_, 0)
                     : MAP_FAILED;
  if (memory == MAP_FAILED) {
    const std::string reason = std::strerror(errno);
    if (status.st_size != bytes) {
      throw changed(path_, "has " + std::to_string(status.st_size) + " bytes in place of " + std::to_string(bytes));
    }
    throw Error("OUT_OF_MEMORY", path_ + ": cannot be mapped (" + reason + "); read it with memory: 'copy'");
  }
  data_ = static_cast<uint8_t*>(memory);
  const uintptr_t pages = (static_cast<uintptr_t>(bytes) + page_size() - 1) / page_size();
  guard_ = std::make_unique<BusGuard>(data_, pages * page_size());
}

MappedFile::~MappedFile() {
  guard_.reset();
  if (data_ != nullptr) munmap(data_, static_cast<size_t>(bytes_));
  close(file_);
}

void MappedFile::check() const {
  struct stat status {};
  fstat(file_, &status);
  if (status.st_size != bytes_) {
    throw changed(path_, "went from " + std::to_string(bytes_) + " to " + std::to_string(status.st_size) + " bytes");
  }
  if (lost()) throw changed(path_, "was cut short, or could not be read from its disk");
  if (status.st_mtim.tv_sec != modified_.tv_sec || status.st_mtim.tv_nsec != modified_.tv_nsec) {
    throw changed(path_, "was written to");
  }
}

void MappedFile::expect(Access access) const {
  const int advice = access == Access::kRandom    ? MADV_RANDOM
                     : access == Access::kInOrder ? MADV_SEQUENTIAL
                                                  : MADV_NORMAL;
  madvise(data_, static_cast<size_t>(bytes_), advice);
}

void MappedFile::prefetch(const uint8_t* begin, int64_t bytes) const {
  const uintptr_t first = reinterpret_cast<uintptr_t>(begin) & ~(page_size() - 1);
  const uintptr_t end = reinterpret_cast<uintptr_t>(begin) + static_cast<uintptr_t>(bytes);
  madvise(reinterpret_cast<void*>(first), end - first, MADV_WILLNEED);
}

}  // namespace gradloom
