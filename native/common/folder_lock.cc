#include "common/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

namespace gradloom {

FolderLock::FolderLock(const std::string& path) : folder_(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (folder_ >= 0) is_busy_ = flock(folder_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

void FolderLock::release() {
  if (folder_ < 0) return;
  // Closing alone would leave it to a child that was forked and has not called exec yet.
  if (!is_busy_) flock(folder_, LOCK_UN);
  close(folder_);
  folder_ = -1;
}

}  // namespace gradloom
