#include "common/folder_lock.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "support/temporary_folder.h"

using namespace gradloom;
using test::TemporaryFolder;

TEST_CASE("folder lock: one at a time, under any name of the folder, until it is released or gone") {
  const TemporaryFolder folder;
  const TemporaryFolder other;
  {
    FolderLock first(folder.path());
    CHECK_FALSE(first.is_busy());
    const FolderLock second(folder.path() + "/./");
    CHECK(second.is_busy());
    CHECK_FALSE(FolderLock(other.path()).is_busy());
    first.release();
    first.release();
    CHECK_FALSE(FolderLock(folder.path()).is_busy());
    CHECK(second.is_busy());
  }
  CHECK_FALSE(FolderLock(folder.path()).is_busy());
}

TEST_CASE("folder lock: what is no folder keeps nobody out") {
  for (const char* path : {"/no/such/folder", "/dev/null", ""}) {
    const FolderLock first{path};
    CHECK_FALSE(FolderLock(path).is_busy());
  }
}

TEST_CASE("folder lock: goes with a process that is killed, and stays with no child that was forked") {
  const TemporaryFolder folder;
  std::array<int, 2> ready{};
  REQUIRE(pipe(ready.data()) == 0);
  const pid_t holder = fork();
  if (holder == 0) {
    const FolderLock lock(folder.path());
    if (write(ready[1], "", 1) == 1) pause();
    _exit(1);
  }
  char byte = 0;
  REQUIRE(read(ready[0], &byte, 1) == 1);
  CHECK(FolderLock(folder.path()).is_busy());
  kill(holder, SIGKILL);
  waitpid(holder, nullptr, 0);
  FolderLock lock(folder.path());
  CHECK_FALSE(lock.is_busy());

  const pid_t child = fork();
  if (child == 0) {
    pause();
    _exit(1);
  }
  CHECK(FolderLock(folder.path()).is_busy());
  lock.release();
  CHECK_FALSE(FolderLock(folder.path()).is_busy());
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  close(ready[0]);
  close(ready[1]);
}
