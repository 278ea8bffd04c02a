// Threads: 1 and 2.
#include "datasets/array_samples.h"

#include <doctest/doctest.h>

#include <numeric>
#include <vector>

#include "support/compare.h"
#include "support/guarded_buffer.h"
#include "support/random_data.h"
#include "support/sparse_samples.h"
#include "support/specs.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

// Ten rows of 2 x 3 float inputs, with byte classes.
struct Fixture {  // its description points into itself
  Fixture() {
    RandomData random(401);
    inputs = random.normal(60);
    for (int i = 0; i < 60; ++i) bytes.push_back(static_cast<uint8_t>(random.integer(0, 255)));
    for (int i = 0; i < 10; ++i) classes.push_back(static_cast<uint8_t>(i % 4));
    values = random.normal(20);
    description.inputs = {InputArray::Type::kFloat32, inputs.data(), 60};
    description.labels = {LabelArray::Type::kUint8, classes.data(), 10, 1};
    description.count = 10;
    description.scale.assign(1, 1.0F);
    description.shift.assign(1, 0.0F);
  }

  std::string error() const {
    return error_of([&] { ArraySamples(description, shape); });
  }

  Shape shape{2, 3};
  std::vector<float> inputs, values;
  std::vector<uint8_t> bytes, classes;
  ArrayDescription description;
};

std::vector<float> gather(const ArraySamples& samples, const uint32_t* order, int64_t first, int64_t count,
                          int threads = 1) {
  GuardedBuffer x(count * 6);
  Team::run(threads, [&](Team& team) { samples.gather_inputs(team, order, first, count, {x.data()}); });
  CHECK(x.intact());
  return x.values();
}

}  // namespace

TEST_CASE("ArraySamples: float inputs in order, from an offset, and in an order of the caller's") {
  const Fixture f;
  const ArraySamples samples(f.description, f.shape);
  CHECK(samples.count() == 10);
  CHECK(gather(samples, nullptr, 0, 10) == f.inputs);
  CHECK(gather(samples, nullptr, 3, 2) == std::vector<float>(f.inputs.begin() + 18, f.inputs.begin() + 30));
  const uint32_t order[] = {9, 0, 4, 4};
  const std::vector<float> x = gather(samples, order, 1, 3);  // samples 0, 4, 4
  CHECK(std::equal(x.begin(), x.begin() + 6, f.inputs.begin()));
  CHECK(std::equal(x.begin() + 6, x.begin() + 12, f.inputs.begin() + 24));
  CHECK(std::equal(x.begin() + 12, x.end(), f.inputs.begin() + 24));
}

TEST_CASE("ArraySamples: rows that follow one another, in runs of any length, of the whole and of a subset") {
  Fixture f;
  f.description.labels = {LabelArray::Type::kFloat32, f.values.data(), 20, 2};
  const auto check = [&](const std::vector<uint32_t>& order, const std::vector<int64_t>& rows) {
    const ArraySamples samples(f.description, f.shape);
    const auto count = static_cast<int64_t>(rows.size());
    std::vector<float> inputs;
    std::vector<float> labels;
    for (const int64_t row : rows) {
      inputs.insert(inputs.end(), f.inputs.begin() + row * 6, f.inputs.begin() + row * 6 + 6);
      labels.insert(labels.end(), f.values.begin() + row * 2, f.values.begin() + row * 2 + 2);
    }
    CHECK(gather(samples, order.data(), 0, count) == inputs);
    GuardedBuffer values(count * 2);
    samples.gather_values(order.data(), 0, count, values.data());
    CHECK(values.values() == labels);
    CHECK(values.intact());
  };
  check({2, 3, 4, 9, 8, 7, 0, 1}, {2, 3, 4, 9, 8, 7, 0, 1});
  const uint32_t subset[] = {4, 5, 6, 1, 2, 9};
  f.description.indices = subset;
  f.description.count = 6;
  check({0, 1, 2, 3, 4, 5}, {4, 5, 6, 1, 2, 9});
  check({3, 4, 0, 2, 1, 5}, {1, 2, 4, 6, 5, 9});
}

TEST_CASE("ArraySamples: scale and shift repeat over a sample, for floats and bytes, on any number of threads") {
  Fixture f;
  for (const auto type : {InputArray::Type::kFloat32, InputArray::Type::kUint8}) {
    for (const size_t period : {1, 2, 3, 6}) {
      const bool is_byte = type == InputArray::Type::kUint8;
      f.description.inputs = {type, is_byte ? static_cast<const void*>(f.bytes.data()) : f.inputs.data(), 60};
      f.description.scale.resize(period);
      f.description.shift.resize(6 / period);
      for (size_t i = 0; i < period; ++i) f.description.scale[i] = 0.5F + static_cast<float>(i);
      for (size_t i = 0; i < 6 / period; ++i) f.description.shift[i] = 0.25F - static_cast<float>(i);
      std::vector<float> expected(60);
      for (size_t i = 0; i < 60; ++i) {
        const float value = is_byte ? static_cast<float>(f.bytes[i]) : f.inputs[i];
        expected[i] = value * f.description.scale[i % 6 % period] + f.description.shift[i % 6 % (6 / period)];
      }
      const ArraySamples samples(f.description, f.shape);
      CHECK(difference_in_bits(gather(samples, nullptr, 0, 10), expected) == "");
      CHECK(difference_in_bits(gather(samples, nullptr, 0, 10, 2), expected) == "");
    }
  }
}

TEST_CASE("ArraySamples: a list of rows makes a subset; orders count within it") {
  Fixture f;
  const std::vector<uint32_t> rows = {7, 2, 7};
  f.description.indices = rows.data();
  f.description.count = 3;
  const ArraySamples samples(f.description, f.shape);
  CHECK(samples.count() == 3);
  const uint32_t order[] = {2, 1, 0};
  const std::vector<float> x = gather(samples, order, 0, 3);
  const size_t expected_rows[] = {7, 2, 7};
  for (size_t i = 0; i < 3; ++i) {
    CHECK(std::equal(x.begin() + static_cast<int64_t>(6 * i), x.begin() + static_cast<int64_t>(6 * i + 6),
                     f.inputs.begin() + static_cast<int64_t>(6 * expected_rows[i])));
  }
  int32_t classes[3];
  samples.gather_classes(order, 0, 3, classes);
  CHECK(classes[0] == 3);
  CHECK(classes[1] == 2);
  samples.gather_classes(nullptr, 1, 1, classes);
  CHECK(classes[0] == 2);
}

TEST_CASE("ArraySamples: where samples lie, of sets that no cache holds and in batches that one does") {
  Fixture f;
  constexpr int64_t kRows = 60'000;
  f.inputs.resize(6 * kRows);
  f.bytes.resize(6 * kRows);
  f.description.inputs = {InputArray::Type::kFloat32, f.inputs.data(), 6 * kRows};
  f.description.labels = {};
  f.description.count = kRows;
  const auto places = [&](const uint32_t* order, int64_t first, int64_t count) {
    std::vector<ByteSpan> located;
    ArraySamples(f.description, f.shape).locate_inputs(order, first, count, located);
    std::vector<std::pair<int64_t, size_t>> found;
    const auto* start = static_cast<const std::byte*>(f.description.inputs.data);
    for (const ByteSpan& place : located) found.emplace_back(place.data() - start, place.size());
    return found;
  };
  using Places = std::vector<std::pair<int64_t, size_t>>;
  CHECK(places(nullptr, 3, 2) == Places{{72, 24}, {96, 24}});
  CHECK(places(nullptr, kRows - 1, 5) == Places{{24 * (kRows - 1), 24}});
  CHECK(places(nullptr, kRows, 5).empty());
  CHECK(places(nullptr, kRows + 100, 5).empty());
  CHECK(places(nullptr, 0, 10'900).size() == 10'900);
  CHECK(places(nullptr, 0, 11'000).empty());  // more than 256 KiB
  const std::vector<uint32_t> rows = {7, 2, 59'999};
  f.description.indices = rows.data();
  f.description.count = 3;
  const uint32_t order[] = {2, 1, 0};
  CHECK(places(order, 0, 2) == Places{{24 * 59'999, 24}, {48, 24}});
  f.description.inputs = {InputArray::Type::kFloat32, f.inputs.data(), 6 * 10'000};
  f.description.indices = nullptr;
  CHECK(places(nullptr, 0, 3).empty());  // less than 1 MiB
  f.description.inputs = {InputArray::Type::kUint8, f.bytes.data(), 6 * kRows};
  CHECK(places(nullptr, 0, 3).empty());
  f.bytes.resize(6 * 4 * kRows);
  f.description.inputs = {InputArray::Type::kUint8, f.bytes.data(), 6 * 4 * kRows};
  CHECK(places(nullptr, 1, 2) == Places{{6, 6}, {12, 6}});
}

TEST_CASE("ArraySamples: labels as classes and as values") {
  Fixture f;
  ArraySamples bytes(f.description, f.shape);
  CHECK(bytes.labels_are_classes());
  CHECK(bytes.label_size() == 1);
  float values[6];
  bytes.gather_values(nullptr, 2, 3, values);  // classes as floats
  CHECK(values[0] == 2);
  CHECK(values[1] == 3);
  CHECK(values[2] == 0);

  const std::vector<int32_t> integers = {0, 1, 2, 3, 4, 5, 6, 7, 8, -9};
  f.description.labels = {LabelArray::Type::kInt32, integers.data(), 10, 1};
  const ArraySamples classes(f.description, f.shape);
  int32_t last = 0;
  classes.gather_classes(nullptr, 9, 1, &last);
  CHECK(last == -9);

  f.description.labels = {LabelArray::Type::kFloat32, f.values.data(), 20, 2};
  const ArraySamples floats(f.description, f.shape);
  CHECK_FALSE(floats.labels_are_classes());
  CHECK(floats.label_size() == 2);
  const uint32_t order[] = {5, 0, 9};
  floats.gather_values(order, 0, 3, values);
  for (size_t i = 0; i < 6; ++i) CHECK(values[i] == f.values[order[i / 2] * 2 + i % 2]);

  f.description.labels = {};
  CHECK(ArraySamples(f.description, f.shape).label_size() == 0);
}

TEST_CASE("ArraySamples: classes out of range are refused, naming the sample") {
  Fixture f;
  const ArraySamples samples(f.description, f.shape);
  CHECK(error_of([&] { samples.check_classes(4); }).empty());
  CHECK(error_of([&] { samples.check_classes(3); }) ==
        "LABEL_OUT_OF_RANGE: sample 3 has class 3, but the model tells 3 classes apart: 0 to 2");
  const std::vector<uint32_t> rows = {0, 1, 2};  // a subset without the bad ones
  f.description.indices = rows.data();
  f.description.count = 3;
  CHECK(error_of([&] { ArraySamples(f.description, f.shape).check_classes(3); }).empty());
  const std::vector<int32_t> negative(10, -1);
  f.description.labels = {LabelArray::Type::kInt32, negative.data(), 10, 1};
  CHECK(contains(error_of([&] { ArraySamples(f.description, f.shape).check_classes(3); }), "sample 0 has class -1"));
}

TEST_CASE("ArraySamples: lengths, rows and periods that do not fit are refused") {
  Fixture f;
  CHECK(f.error().empty());
  f.description.inputs.length = 59;
  CHECK(contains(f.error(), "SHAPE_MISMATCH: got 59 input values for 10 samples of shape [2, 3], which need 60"));
  f.description.inputs.length = 54;
  CHECK(contains(f.error(), "got 54 input values"));

  f = Fixture();
  f.description.labels.length = 9;
  CHECK(contains(f.error(), "SHAPE_MISMATCH: got 9 label values for 10 rows of 1"));

  f = Fixture();
  f.description.scale = {1, 2, 3, 4};
  CHECK(contains(f.error(), "SHAPE_MISMATCH: a dataset's scale has 4 entries, which does not divide the 6 values"));
  f.description.scale.assign(1, 1.0F);
  f.description.shift.clear();
  CHECK(contains(f.error(), "a dataset's shift has 0 entries"));

  f = Fixture();
  const std::vector<uint32_t> rows = {0, 10};
  f.description.indices = rows.data();
  f.description.count = 2;
  CHECK(f.error() == "INVALID_DATA: sample 1 of a dataset is row 10 of 10");
}

TEST_CASE("samples: sparse ones that follow one another are read where they are, others are copied") {
  const SparseSamples samples = sparse_samples(40, 300);
  const ArraySamples view = samples.view();
  std::vector<uint32_t> order(40);
  std::iota(order.begin(), order.end(), 0U);
  std::vector<uint32_t> turned(order.rbegin(), order.rend());
  SparseBatch batch;
  for (const uint32_t* given : std::initializer_list<const uint32_t*>{nullptr, order.data(), turned.data()}) {
    Team::run(2, [&](Team& team) {
      view.gather_sparse(team, given, 3, 20, batch);
      CHECK(batch.input().samples == nullptr);
      batch.group(team, 300);
    });
    const SparseRows& rows = batch.input().rows;
    const bool in_place = rows.indices == samples.indices.data() + samples.offsets[3];
    CHECK(in_place == (given != turned.data()));
    REQUIRE(rows.count == 20);
    for (int64_t n = 0; n < rows.count; ++n) {
      CAPTURE(n);
      const int64_t row = given == turned.data() ? 36 - n : 3 + n;
      const uint32_t first = samples.offsets[static_cast<size_t>(row)];
      const uint32_t end = samples.offsets[static_cast<size_t>(row) + 1];
      REQUIRE(rows.offsets[n + 1] - rows.offsets[n] == end - first);
      for (int64_t i = 0; i < end - first; ++i) {
        const int64_t entry = rows.offsets[n] + i;
        CHECK(rows.indices[entry] == samples.indices[static_cast<size_t>(first + i)]);
        CHECK(rows.values[entry] == samples.values[static_cast<size_t>(first + i)]);
        CHECK(batch.input().samples[entry] == n);
      }
    }
  }
}
