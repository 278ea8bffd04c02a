// Threads: 1 and 2. How a batch lies, whatever its samples are stored as; their values: array_samples_test.cc.
#include "datasets/input_column.h"

#include <doctest/doctest.h>

#include <optional>
#include <vector>

#include "datasets/augmentation.h"
#include "datasets/mapped_rows.h"
#include "kernels/layout/lanes.h"
#include "support/compare.h"
#include "support/guarded_buffer.h"
#include "support/random_data.h"
#include "support/simd_targets.h"
#include "support/sparse_samples.h"
#include "support/temporary_folder.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

constexpr int64_t kRows = 9;

// Rows of one shape as every kind of array.
struct Kinds {
  explicit Kinds(const Shape& of) : shape(of), count(kRows * of.size()), sparse(sparse_samples(kRows, of.size())) {
    RandomData random(402);
    floats = random.normal(count);
    for (int64_t i = 0; i < count; ++i) {
      bytes.push_back(static_cast<uint8_t>(random.integer(0, 255)));
      integers.push_back(static_cast<int32_t>(random.integer(-9, 9)));
    }
    scale = random.normal(shape.size());
    shift = random.normal(shape.size());
    folder.write("rows", {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    mapped.emplace(RowFormat{RowFormat::Type::kUint8, shape.size(), shape.size(), 1},
                   std::vector<FileRows>{{folder.path() + "/rows", count, 0, kRows}});
  }

  // Calls check(name, column, augmentation) for each, images also changed.
  template <class Check>
  void for_each(Check check) const {
    const InputArray as_floats{InputArray::Type::kFloat32, floats.data(), count};
    const InputArray as_bytes{InputArray::Type::kUint8, bytes.data(), count};
    check("floats as they are stored", InputColumn({"", as_floats, {1}, {0}}, shape), Augmentation{});
    check("floats", InputColumn({"", as_floats, scale, shift}, shape), Augmentation{});
    check("bytes", InputColumn({"", as_bytes, scale, shift}, shape), Augmentation{});
    if (shape.rank() == 3) {
      const Augmentation flips{.flips_horizontally = true};
      check("flipped bytes", InputColumn({"", as_bytes, scale, shift}, shape), flips);
    }
    const InputArray in_file{.type = InputArray::Type::kMapped, .length = count, .mapped = &*mapped};
    check("bytes in a file", InputColumn({"", in_file, scale, shift}, shape), Augmentation{});
    check("ids", InputColumn({"", {InputArray::Type::kInt32, integers.data(), count}, {1}, {0}}, shape), {});
    check("sparse rows",
          InputColumn({"",
                       {.type = InputArray::Type::kSparse,
                        .data = sparse.values.data(),
                        .length = static_cast<int64_t>(sparse.values.size()),
                        .indices = sparse.indices.data(),
                        .offsets = sparse.offsets.data(),
                        .rows = kRows},
                       {1},
                       {0}},
                      Shape{shape.size()}),
          Augmentation{});
  }

  Shape shape;
  int64_t count;
  std::vector<float> floats, scale, shift;
  std::vector<uint8_t> bytes;
  std::vector<int32_t> integers;
  SparseSamples sparse;
  TemporaryFolder folder;
  std::optional<MappedRows> mapped;
};

// What `column` gathers of these rows; as it lies, with guards around it.
struct Gathered {
  const InputColumn& column;
  const Augmentation& augmentation;
  const std::vector<uint32_t>& order;

  void gather(const BatchPlace& place, int threads) const {
    const Augmenter augmenter(augmentation, 3, 4);
    const Rows rows{nullptr, order.data(), 0, static_cast<int64_t>(order.size())};
    Team::run(threads,
              [&](Team& team) { column.gather(team, rows, place, augmentation.changes() ? &augmenter : nullptr); });
  }

  int64_t floats() const { return static_cast<int64_t>(order.size()) * column.sample_shape().size(); }

  std::vector<float> in_rows(int threads, int64_t stretches = 1) const {
    GuardedBuffer x(floats());
    gather({.x = x.data(), .stretches = stretches}, threads);
    CHECK(x.intact());
    return x.values();
  }

  std::vector<float> in_lanes(int threads) const {
    GuardedBuffer x(lane_blocks(static_cast<int64_t>(order.size())) * kLanes * column.sample_shape().size());
    GuardedBuffer staging(floats());
    gather({.x = x.data(), .lanes = true, .staging = staging.data()}, threads);
    CHECK(x.intact());
    CHECK(staging.intact());
    return x.values();
  }
};

std::vector<float> to_lanes(const std::vector<float>& rows, const Shape& shape) {
  const int64_t channels = shape.back();
  const int64_t pixels = shape.size() / channels;
  const int64_t batch = static_cast<int64_t>(rows.size()) / shape.size();
  std::vector<float> lanes(static_cast<size_t>(lane_blocks(batch) * kLanes * shape.size()));
  for (int64_t n = 0; n < batch; ++n) {
    for (int64_t p = 0; p < pixels; ++p) {
      for (int64_t c = 0; c < channels; ++c) {
        const int64_t block = (n / kLanes * channels + c) * pixels + p;
        lanes[static_cast<size_t>(block * kLanes + n % kLanes)] =
            rows[static_cast<size_t>((n * pixels + p) * channels + c)];
      }
    }
  }
  return lanes;
}

}  // namespace

TEST_CASE("InputColumn: rows in stretches of features are those of whole rows, of every kind") {
  const std::vector<uint32_t> order = {8, 0, 4, 4, 5, 6, 1};
  Kinds({5, 3, 3}).for_each([&](const char* kind, const InputColumn& column, const Augmentation& augmentation) {
    CAPTURE(kind);
    const Gathered gathered{column, augmentation, order};
    const std::vector<float> expected = in_stretches(gathered.in_rows(1), 45, 2);
    for (const int threads : {1, 2}) CHECK(difference_in_bits(gathered.in_rows(threads, 2), expected) == "");
  });
}

TEST_CASE("InputColumn: lanes are those of whole rows, of every kind, on every instruction set") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(403);
    // One value, vectors, some pixels, many in several jobs, more channels than are transposed at once, without pixels.
    for (const Shape& shape : {Shape{}, Shape{7}, Shape{300}, Shape{5, 3, 3}, Shape{41, 40, 1}, Shape{24, 20, 3},
                               Shape{2, 1, 100}, Shape{6, 50}}) {
      CAPTURE(shape.to_string());
      const Kinds kinds(shape);
      for (const int64_t batch : {1, 7, 16, 35}) {
        CAPTURE(batch);
        std::vector<uint32_t> order;
        for (int64_t i = 0; i < batch; ++i) order.push_back(static_cast<uint32_t>(random.integer(0, kRows - 1)));
        kinds.for_each([&](const char* kind, const InputColumn& column, const Augmentation& augmentation) {
          CAPTURE(kind);
          const Gathered gathered{column, augmentation, order};
          const Shape& own = column.sample_shape();
          const std::vector<float> expected = to_lanes(gathered.in_rows(1), own.rank() == 0 ? Shape{1} : own);
          for (const int threads : {1, 2}) CHECK(difference_in_bits(gathered.in_lanes(threads), expected) == "");
        });
      }
    }
  });
}

TEST_CASE("InputColumn: where stretches of features lie, those of the first of all rows first") {
  constexpr int64_t kRows = 8'000;
  const std::vector<float> floats(kRows * 45);
  const InputColumn column({"", {InputArray::Type::kFloat32, floats.data(), kRows * 45}, {1}, {0}}, Shape{45});
  std::vector<ByteSpan> places;
  column.locate({nullptr, nullptr, 3, 2}, places, 2);
  const auto* start = reinterpret_cast<const std::byte*>(floats.data());
  std::vector<std::pair<int64_t, size_t>> found;
  for (const ByteSpan& place : places) found.emplace_back(place.data() - start, place.size());
  CHECK(found == std::vector<std::pair<int64_t, size_t>>{{540, 128}, {720, 128}, {668, 52}, {848, 52}});
}
