// One step at a time in the whole process: two trainers take turns instead of oversubscribing the cores. The one
// mutable global of the core.
#pragma once

#include "common/fair_mutex.h"

namespace gradloom {

FairSharedMutex& compute_lock();

}  // namespace gradloom
