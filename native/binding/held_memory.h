// The memory of a typed array, kept where it is for a thread that reads it, also when JavaScript transfers its buffer
// away meanwhile. A reference to the array does not do that: the memory then belongs to the receiver, and goes with it.
#pragma once

#include <memory>

#include <napi.h>

namespace gradloom {

using HeldMemory = std::shared_ptr<const void>;

// Whether this Node.js lets memory be held.
bool can_hold_memory();

// Null when it does not. The buffer must not be detached.
HeldMemory hold_memory(const Napi::ArrayBuffer& buffer);

}  // namespace gradloom
