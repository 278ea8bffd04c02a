#include "common/cpu_limits.h"

#include <doctest/doctest.h>

#include <initializer_list>
#include <utility>

#include "common/parallel.h"
#include "support/temporary_folder.h"

using namespace gradloom;
using test::TemporaryFolder;

namespace {

using Files = std::initializer_list<std::pair<std::string, std::string>>;

// The limit under a tree of these files; `groups` is /proc/self/cgroup, the paths of the others stand below
// /sys/fs/cgroup.
int limit(const std::string& groups, const Files& files) {
  const TemporaryFolder root;
  root.write("proc/self/cgroup", groups);
  for (const auto& [path, text] : files) root.write("sys/fs/cgroup/" + path, text);
  return cgroup_cpu_limit(root.path());
}

}  // namespace

TEST_CASE("cgroup v2: quota / period, rounded up") {
  CHECK(limit("0::/\n", {{"cpu.max", "200000 100000\n"}}) == 2);
  CHECK(limit("0::/\n", {{"cpu.max", "150000 100000\n"}}) == 2);
  CHECK(limit("0::/\n", {{"cpu.max", "50000 100000\n"}}) == 1);
  CHECK(limit("0::/\n", {{"cpu.max", "1000 100000\n"}}) == 1);
  CHECK(limit("0::/\n", {{"cpu.max", "300001 100000\n"}}) == 4);
  CHECK(limit("0::/\n", {{"cpu.max", "max 100000\n"}}) == 0);
}

TEST_CASE("cgroup v2: the tightest limit of the group and its ancestors") {
  const std::string group = "0::/system.slice/app.service\n";
  CHECK(limit(group, {{"system.slice/app.service/cpu.max", "400000 100000\n"}}) == 4);
  CHECK(limit(group, {{"system.slice/app.service/cpu.max", "400000 100000\n"},
                      {"system.slice/cpu.max", "200000 100000\n"}}) == 2);
  CHECK(limit(group, {{"system.slice/app.service/cpu.max", "max 100000\n"},
                      {"system.slice/cpu.max", "300000 100000\n"},
                      {"cpu.max", "max 100000\n"}}) == 3);
  CHECK(limit(group, {{"system.slice/other.service/cpu.max", "100000 100000\n"}}) == 0);
  // In a container the path may not be mounted; the root of the mount is then its group.
  CHECK(limit("0::/../outside\n", {{"cpu.max", "200000 100000\n"}}) == 2);
}

TEST_CASE("cgroup v1: cfs quota and period of the cpu controller") {
  const std::string groups = "12:memory:/docker/ab\n4:cpu,cpuacct:/docker/ab\n1:name=systemd:/docker/ab\n";
  CHECK(limit(groups, {{"cpu,cpuacct/docker/ab/cpu.cfs_quota_us", "250000\n"},
                       {"cpu,cpuacct/docker/ab/cpu.cfs_period_us", "100000\n"}}) == 3);
  CHECK(limit(groups, {{"cpu,cpuacct/docker/ab/cpu.cfs_quota_us", "-1\n"},
                       {"cpu,cpuacct/docker/ab/cpu.cfs_period_us", "100000\n"}}) == 0);
  CHECK(limit(groups, {{"cpu,cpuacct/docker/ab/cpu.cfs_quota_us", "-1\n"},
                       {"cpu,cpuacct/docker/ab/cpu.cfs_period_us", "100000\n"},
                       {"cpu,cpuacct/docker/cpu.cfs_quota_us", "100000\n"},
                       {"cpu,cpuacct/docker/cpu.cfs_period_us", "50000\n"}}) == 2);
  // Mounted under the short name, and seen from inside of the container.
  CHECK(limit(groups, {{"cpu/cpu.cfs_quota_us", "100000\n"}, {"cpu/cpu.cfs_period_us", "100000\n"}}) == 1);
  CHECK(limit("3:cpu:/\n", {{"cpu/cpu.cfs_quota_us", "600000\n"}, {"cpu/cpu.cfs_period_us", "100000\n"}}) == 6);
  // Not the cpu controller, although its name begins alike.
  CHECK(limit("3:cpuset:/\n", {{"cpuset/cpu.cfs_quota_us", "100000\n"}, {"cpuset/cpu.cfs_period_us", "100000\n"}}) ==
        0);
}

TEST_CASE("cgroup: v1 and v2 side by side, the tighter one counts") {
  const std::string groups = "4:cpu:/a\n0::/b\n";
  CHECK(limit(groups, {{"cpu/a/cpu.cfs_quota_us", "300000\n"},
                       {"cpu/a/cpu.cfs_period_us", "100000\n"},
                       {"b/cpu.max", "200000 100000\n"}}) == 2);
}

TEST_CASE("cgroup: missing, empty and malformed files mean no limit") {
  const TemporaryFolder nothing;
  CHECK(cgroup_cpu_limit(nothing.path()) == 0);
  CHECK(cgroup_cpu_limit("/nowhere") == 0);
  CHECK(limit("", {}) == 0);
  CHECK(limit("no colons\n0:one\n\n", {{"cpu.max", "100000 100000\n"}}) == 0);
  for (const std::string text :
       {"", "\n", "100000", "100000 0\n", "-5 100000\n", "0 100000\n", "abc def\n", "nan 100000\n"}) {
    CAPTURE(text);
    CHECK(limit("0::/\n", {{"cpu.max", text}}) == 0);
  }
  CHECK(limit("3:cpu:/\n", {{"cpu/cpu.cfs_quota_us", "100000\n"}}) == 0);
}

TEST_CASE("cgroup: what is no path of a group counts as the root of the mount") {
  for (const std::string path : {"", "group", "group/inner", ".", "//"}) {
    CAPTURE(path);
    CHECK(limit("0::" + path + "\n", {{"cpu.max", "200000 100000\n"}}) == 2);
    CHECK(limit("3:cpu:" + path + "\n",
                {{"cpu/cpu.cfs_quota_us", "300000\n"}, {"cpu/cpu.cfs_period_us", "100000\n"}}) == 3);
  }
}

TEST_CASE("available processors: at least one, at most the affinity mask; threads 0 means all of them") {
  CHECK(affinity_cpu_count() >= 1);
  CHECK(available_cpus() >= 1);
  CHECK(available_cpus() <= affinity_cpu_count());
  CHECK(resolve_threads(0) == available_cpus());
  CHECK(resolve_threads(5) == 5);
}
