// The limits of processors of the trees that are named on the command line, one a line.
#include <cstdio>

#include "common/cpu_limits.h"

int main(int count, char** trees) {
  for (int i = 1; i < count; ++i) std::printf("%d\n", gradloom::cgroup_cpu_limit(trees[i]));
}
