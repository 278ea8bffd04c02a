#include "common/spec.h"

#include <cmath>

#include "common/error.h"

namespace gradloom {
namespace {

[[noreturn]] void fail(const std::string& key, const std::string& problem) {
  throw Error("INVALID_SPEC", "attribute \"" + key + "\" " + problem);
}

int64_t to_integer(double value, const std::string& key, int64_t minimum) {
  constexpr double kLargest = 9007199254740991.0;  // 2^53 - 1, the largest exact integer of JavaScript
  if (!(std::floor(value) == value) || std::abs(value) > kLargest || value < static_cast<double>(minimum)) {
    fail(key, "must be an integer of at least " + std::to_string(minimum) + ", got " + std::to_string(value));
  }
  return static_cast<int64_t>(value);
}

}  // namespace

bool Spec::has(const std::string& key) const {
  const auto* object = std::get_if<Object>(&value_);
  return object != nullptr && object->count(key) > 0;
}

const Spec& Spec::at(const std::string& key) const {
  if (!has(key)) fail(key, "is missing");
  return std::get<Object>(value_).at(key);
}

template <class T>
const T& Spec::get(const std::string& key, const char* expected) const {
  const auto* value = std::get_if<T>(&at(key).value_);
  if (value == nullptr) fail(key, std::string("must be ") + expected);
  return *value;
}

bool Spec::boolean(const std::string& key) const { return get<bool>(key, "a boolean"); }

double Spec::number(const std::string& key) const { return get<double>(key, "a number"); }

int64_t Spec::integer(const std::string& key, int64_t minimum) const { return to_integer(number(key), key, minimum); }

const std::string& Spec::string(const std::string& key) const { return get<std::string>(key, "a string"); }

const Spec::List& Spec::list(const std::string& key) const { return get<List>(key, "a list"); }

const Spec::Floats& Spec::floats(const std::string& key) const { return get<Floats>(key, "an array of floats"); }

const Spec& Spec::object(const std::string& key) const {
  get<Object>(key, "an object");
  return at(key);
}

std::vector<int64_t> Spec::integers(const std::string& key, int64_t minimum, int length) const {
  const List& entries = list(key);
  if (length >= 0 && entries.size() != static_cast<size_t>(length)) {
    fail(key, "must have " + std::to_string(length) + " entries, got " + std::to_string(entries.size()));
  }
  std::vector<int64_t> values;
  values.reserve(entries.size());
  for (const Spec& entry : entries) {
    const auto* value = std::get_if<double>(&entry.value_);
    if (value == nullptr) fail(key, "must be a list of numbers");
    values.push_back(to_integer(*value, key, minimum));
  }
  return values;
}

std::vector<std::string> Spec::strings(const std::string& key) const {
  std::vector<std::string> values;
  for (const Spec& entry : list(key)) {
    const auto* value = std::get_if<std::string>(&entry.value_);
    if (value == nullptr) fail(key, "must be a list of strings");
    values.push_back(*value);
  }
  if (values.empty()) fail(key, "must have at least one entry");
  return values;
}

std::vector<double> Spec::numbers(const std::string& key) const {
  const List entries = at(key).is_list() ? list(key) : List{at(key)};
  std::vector<double> values;
  values.reserve(entries.size());
  for (const Spec& entry : entries) {
    const auto* value = std::get_if<double>(&entry.value_);
    if (value == nullptr || !std::isfinite(*value)) fail(key, "must be a finite number, or a list of them");
    values.push_back(*value);
  }
  return values;
}

}  // namespace gradloom
