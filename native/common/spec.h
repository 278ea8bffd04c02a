// A value sent by TypeScript: null, boolean, number, string, list, object or array of floats. The binding converts it
// without looking at it; each layer, loss, metric and optimizer reads its own attributes, so that adding one never
// touches the binding.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace gradloom {

class Spec {
 public:
  using List = std::vector<Spec>;
  using Object = std::map<std::string, Spec>;
  // Many numbers; copies of a spec share them.
  using Floats = std::shared_ptr<const std::vector<float>>;

  Spec() = default;
  Spec(bool value) : value_(value) {}                          // NOLINT(google-explicit-constructor)
  Spec(double value) : value_(value) {}                        // NOLINT(google-explicit-constructor)
  Spec(int value) : value_(static_cast<double>(value)) {}      // NOLINT(google-explicit-constructor)
  Spec(int64_t value) : value_(static_cast<double>(value)) {}  // NOLINT(google-explicit-constructor)
  Spec(const char* value) : value_(std::string(value)) {}      // NOLINT(google-explicit-constructor)
  Spec(std::string value) : value_(std::move(value)) {}        // NOLINT(google-explicit-constructor)
  Spec(List value) : value_(std::move(value)) {}               // NOLINT(google-explicit-constructor)
  Spec(Object value) : value_(std::move(value)) {}             // NOLINT(google-explicit-constructor)
  Spec(Floats value) : value_(std::move(value)) {}             // NOLINT(google-explicit-constructor)

  // Each getter throws INVALID_SPEC with the attribute's name when it is missing or of another type.
  bool has(const std::string& key) const;
  const Spec& at(const std::string& key) const;
  bool boolean(const std::string& key) const;
  double number(const std::string& key) const;
  // A number that must be an integer of at least `minimum`.
  int64_t integer(const std::string& key, int64_t minimum) const;
  const std::string& string(const std::string& key) const;
  const List& list(const std::string& key) const;
  // A list of at least one string.
  std::vector<std::string> strings(const std::string& key) const;
  // The attribute, which must be an object.
  const Spec& object(const std::string& key) const;
  // A list of integers, each at least `minimum`; `length` entries unless it is negative.
  std::vector<int64_t> integers(const std::string& key, int64_t minimum, int length = -1) const;

  const Floats& floats(const std::string& key) const;

  // A list of finite numbers; a number alone reads as a list of one.
  std::vector<double> numbers(const std::string& key) const;

  bool is_string() const { return std::holds_alternative<std::string>(value_); }
  bool is_list() const { return std::holds_alternative<List>(value_); }

 private:
  template <class T>
  const T& get(const std::string& key, const char* expected) const;

  std::variant<std::monostate, bool, double, std::string, List, Object, Floats> value_;
};

}  // namespace gradloom
