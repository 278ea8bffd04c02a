#include "common/spec.h"

#include <doctest/doctest.h>

#include <limits>

#include "support/specs.h"

using namespace gradloom;
using test::contains;
using test::error_of;

namespace {

Spec example() {
  return Spec::Object{{"flag", true},
                      {"rate", 0.5},
                      {"units", 7},
                      {"name", "dense_1"},
                      {"padding", Spec::List{1, 2, 3, 4}},
                      {"mixed", Spec::List{1, "two"}},
                      {"inner", Spec::Object{{"kind", "adagrad"}}},
                      {"nothing", Spec()}};
}

}  // namespace

TEST_CASE("Spec: getters return what was sent") {
  const Spec spec = example();
  CHECK(spec.boolean("flag"));
  CHECK(spec.number("rate") == 0.5);
  CHECK(spec.number("units") == 7);
  CHECK(spec.integer("units", 1) == 7);
  CHECK(spec.string("name") == "dense_1");
  CHECK(spec.integers("padding", 1, 4) == std::vector<int64_t>{1, 2, 3, 4});
  CHECK(spec.integers("padding", 0).size() == 4);
  CHECK(spec.list("mixed").size() == 2);
  CHECK(spec.at("inner").string("kind") == "adagrad");
  CHECK(spec.at("name").is_string());
  CHECK(spec.at("padding").is_list());
  CHECK_FALSE(spec.at("name").is_list());
  CHECK(spec.has("nothing"));
  CHECK_FALSE(spec.has("nowhere"));
  CHECK_FALSE(Spec("text").has("length"));
}

TEST_CASE("Spec: every getter names an attribute that is missing or of another type") {
  const Spec spec = example();
  CHECK(error_of([&] { spec.at("nowhere"); }) == "INVALID_SPEC: attribute \"nowhere\" is missing");
  CHECK(error_of([&] { spec.boolean("rate"); }) == "INVALID_SPEC: attribute \"rate\" must be a boolean");
  CHECK(error_of([&] { spec.number("name"); }) == "INVALID_SPEC: attribute \"name\" must be a number");
  CHECK(error_of([&] { spec.number("nothing"); }) == "INVALID_SPEC: attribute \"nothing\" must be a number");
  CHECK(error_of([&] { spec.string("units"); }) == "INVALID_SPEC: attribute \"units\" must be a string");
  CHECK(error_of([&] { spec.list("inner"); }) == "INVALID_SPEC: attribute \"inner\" must be a list");
  CHECK(error_of([&] { Spec(3.0).number("rate"); }) == "INVALID_SPEC: attribute \"rate\" is missing");
}

TEST_CASE("Spec: integers are checked for range and fraction") {
  const auto error = [](double value) {
    return error_of([&] { Spec(Spec::Object{{"units", value}}).integer("units", 1); });
  };
  CHECK(contains(error(0), "must be an integer of at least 1, got 0"));
  for (const double value : {-1.0, 1.5, 9007199254740992.0, 1e300, std::numeric_limits<double>::infinity(),
                             -std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
    CAPTURE(value);
    CHECK(contains(error(value), "INVALID_SPEC: attribute \"units\" must be an integer of at least 1"));
  }
  CHECK(error(9007199254740991.0).empty());
  CHECK(Spec(Spec::Object{{"offset", -0.0}}).integer("offset", 0) == 0);

  const Spec spec = example();
  CHECK(contains(error_of([&] { spec.integers("padding", 0, 2); }), "must have 2 entries, got 4"));
  CHECK(contains(error_of([&] { spec.integers("padding", 2, 4); }), "must be an integer of at least 2, got 1"));
  CHECK(contains(error_of([&] { spec.integers("mixed", 0, 2); }), "must be a list of numbers"));
}
