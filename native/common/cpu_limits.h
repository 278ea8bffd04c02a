// How many processors this process may use: its affinity mask and the CPU quota of its control group (v1 and v2).
#pragma once

#include <string>

namespace gradloom {

// The CPU quota in processors, rounded up, of the control group of this process and its ancestors; 0 when unlimited.
// `root` is where /proc and /sys are looked for: "" for the real ones, a folder of fixtures in tests.
int cgroup_cpu_limit(const std::string& root);

// Processors in the affinity mask; at least 1.
int affinity_cpu_count();

// min(affinity, quota): what `threads: 0` stands for.
int available_cpus();

}  // namespace gradloom
