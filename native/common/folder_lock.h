// Keeps several writers out of one folder: those of this process and its Workers as well as those of other processes.
#pragma once

#include <string>

namespace gradloom {

/**
 * flock(2) on the folder itself. The kernel takes it back when the process ends, however that ends, so none is ever
 * left behind. A folder that is not there, or a file system without locks, keeps nobody out.
 */
class FolderLock {
 public:
  explicit FolderLock(const std::string& path);
  ~FolderLock() { release(); }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

  /** Whether somebody else had it. */
  bool is_busy() const { return is_busy_; }
  void release();

 private:
  int folder_;
  bool is_busy_ = false;
};

}  // namespace gradloom
