// The one exception type of the core. binding/errors turns it into a JavaScript error; nothing else catches it.
#pragma once

#include <exception>
#include <stdexcept>
#include <string>
#include <utility>

namespace gradloom {

// `code` is stable and part of the public API (SHAPE_MISMATCH, OUT_OF_MEMORY, ...); the message names the operation,
// what it got, what it expected and what to do.
class Error : public std::runtime_error {
 public:
  Error(std::string code, const std::string& message) : std::runtime_error(message), code_(std::move(code)) {}
  const std::string& code() const noexcept { return code_; }

 private:
  std::string code_;
};

// Thrown on a thread that waited for something and is to end instead; caught where its work began.
class Stopped : public std::exception {
 public:
  const char* what() const noexcept override { return "stopped"; }
};

}  // namespace gradloom
