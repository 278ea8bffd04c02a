#include "training/threads/compute_lock.h"

namespace gradloom {

FairSharedMutex& compute_lock() {
  // Never destroyed: a thread may still hold it while the process exits.
  static auto* lock = new FairSharedMutex;
  return *lock;
}

}  // namespace gradloom
