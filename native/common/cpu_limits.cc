#include "common/cpu_limits.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>

namespace gradloom {
namespace {

int combine(int a, int b) {
  if (a == 0) return b;
  if (b == 0) return a;
  return std::min(a, b);
}

int processors(double quota, double period) {
  if (!(quota > 0) || !(period > 0)) return 0;
  return std::max(1, static_cast<int>(std::ceil(quota / period)));
}

// cgroup v2: "<quota or max> <period>".
int read_cpu_max(const std::string& folder) {
  std::ifstream file(folder + "/cpu.max");
  std::string quota;
  double period = 0;
  if (!(file >> quota >> period) || quota == "max") return 0;
  std::istringstream number(quota);
  double value = 0;
  return number >> value ? processors(value, period) : 0;
}

// cgroup v1: two files, quota -1 when unlimited.
int read_cfs(const std::string& folder) {
  std::ifstream quota_file(folder + "/cpu.cfs_quota_us");
  std::ifstream period_file(folder + "/cpu.cfs_period_us");
  double quota = 0;
  double period = 0;
  return quota_file >> quota && period_file >> period ? processors(quota, period) : 0;
}

// The tightest limit of `path` below `mount` and of every ancestor. In a container the path may lie outside of what is
// mounted; the mount's root is then the group of the container.
template <class Read>
int tightest(const std::string& mount, std::string path, Read read) {
  int limit = 0;
  while (path.size() > 1 && path.front() == '/') {
    limit = combine(limit, read(mount + path));
    path.erase(path.find_last_of('/'));
  }
  return combine(limit, read(mount));
}

}  // namespace

int cgroup_cpu_limit(const std::string& root) {
  const std::string mount = root + "/sys/fs/cgroup";
  std::ifstream groups(root + "/proc/self/cgroup");
  int limit = 0;
  for (std::string line; std::getline(groups, line);) {  // "<id>:<controllers>:<path>"
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    if (controllers.empty()) {
      limit = combine(limit, tightest(mount, path, read_cpu_max));
    } else if (("," + controllers + ",").find(",cpu,") != std::string::npos) {
      limit = combine(limit, tightest(mount + "/" + controllers, path, read_cfs));
      if (controllers != "cpu") limit = combine(limit, tightest(mount + "/cpu", path, read_cfs));
    }
  }
  return limit;
}

int affinity_cpu_count() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof set, &set) == 0 ? std::max(1, CPU_COUNT(&set)) : 1;
}

int available_cpus() { return std::max(1, combine(affinity_cpu_count(), cgroup_cpu_limit(""))); }

}  // namespace gradloom
