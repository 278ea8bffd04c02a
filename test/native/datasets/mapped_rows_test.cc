// Threads: 1 and 2.
#include "datasets/mapped_rows.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "datasets/array_samples.h"
#include "support/compare.h"
#include "support/guarded_buffer.h"
#include "support/random_data.h"
#include "support/specs.h"
#include "support/temporary_folder.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

class TemporaryFile {
 public:
  explicit TemporaryFile(const std::vector<uint8_t>& bytes) {
    folder_.write("rows", {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }
  std::string path() const { return folder_.path() + "/rows"; }
  void truncate(int64_t bytes) const { REQUIRE(::truncate(path().c_str(), bytes) == 0); }

 private:
  TemporaryFolder folder_;
};

std::vector<uint8_t> random_bytes(int count) {
  RandomData random(77);
  std::vector<uint8_t> bytes;
  for (int i = 0; i < count; ++i) bytes.push_back(static_cast<uint8_t>(random.integer(0, 255)));
  return bytes;
}

std::vector<float> gather(const InputArray& array, const std::vector<float>& scale, const std::vector<float>& shift,
                          const std::vector<uint32_t>& order, int64_t size, int threads, int64_t stretches = 1) {
  const InputColumn column({"", array, scale, shift}, Shape{size});
  GuardedBuffer x(static_cast<int64_t>(order.size()) * size);
  Team::run(threads, [&](Team& team) {
    column.gather(team, {nullptr, order.data(), 0, static_cast<int64_t>(order.size())}, {x.data(), stretches});
  });
  CHECK(x.intact());
  return x.values();
}

InputArray mapped_array(const MappedRows& rows) {
  return {.type = InputArray::Type::kMapped, .length = rows.rows() * rows.format().size, .mapped = &rows};
}

}  // namespace

TEST_CASE("MappedRows: bytes of two files, from odd places and with gaps, as a column in memory") {
  // 5 rows of 7 bytes, 9 apart, from byte 3 on; then 2 more from byte 0 of the same bytes in another file.
  const std::vector<uint8_t> bytes = random_bytes(3 + 5 * 9);
  const TemporaryFile first(bytes);
  const TemporaryFile second(bytes);
  const auto length = static_cast<int64_t>(bytes.size());
  const MappedRows rows({RowFormat::Type::kUint8, 7, 9, 1},
                        {{first.path(), length, 3, 5}, {second.path(), length, 0, 2}});
  std::vector<uint8_t> dense;
  for (int r = 0; r < 5; ++r) dense.insert(dense.end(), bytes.begin() + 3 + 9 * r, bytes.begin() + 10 + 9 * r);
  for (int r = 0; r < 2; ++r) dense.insert(dense.end(), bytes.begin() + 9 * r, bytes.begin() + 7 + 9 * r);
  const InputArray memory{InputArray::Type::kUint8, dense.data(), static_cast<int64_t>(dense.size())};
  const std::vector<uint32_t> order = {6, 0, 4, 5, 4, 1};
  for (const int threads : {1, 2}) {
    CHECK(gather(mapped_array(rows), {0.3F}, {-0.7F}, order, 7, threads) ==
          gather(memory, {0.3F}, {-0.7F}, order, 7, threads));
  }
}

TEST_CASE("MappedRows: rows in stretches of features are those of whole rows") {
  const std::vector<uint8_t> bytes = random_bytes(6 * 45);
  const TemporaryFile file(bytes);
  const MappedRows rows({RowFormat::Type::kUint8, 45, 45, 1}, {{file.path(), 6 * 45, 0, 6}});
  const std::vector<uint32_t> order = {5, 0, 3, 3};
  const std::vector<float> whole = gather(mapped_array(rows), {0.3F}, {-0.7F}, order, 45, 1);
  for (const int threads : {1, 2}) {
    CHECK(gather(mapped_array(rows), {0.3F}, {-0.7F}, order, 45, threads, 2) == in_stretches(whole, 45, 2));
  }
}

TEST_CASE("MappedRows: planes are read channels last") {
  const std::vector<uint8_t> bytes = random_bytes(2 * 13);  // a label byte, then 3 planes of 4
  const TemporaryFile file(bytes);
  const MappedRows rows({RowFormat::Type::kUint8, 12, 13, 3}, {{file.path(), 26, 1, 2}});
  std::vector<float> expected;
  for (int r = 0; r < 2; ++r) {
    for (int pixel = 0; pixel < 4; ++pixel) {
      for (int plane = 0; plane < 3; ++plane) {
        const float scale = plane == 1 ? 2.0F : 0.5F;
        expected.push_back(static_cast<float>(bytes[static_cast<size_t>(13 * r + 1 + 4 * plane + pixel)]) * scale);
      }
    }
  }
  CHECK(gather(mapped_array(rows), {0.5F, 2.0F, 0.5F}, {0.0F}, {0, 1}, 12, 2) == expected);
}

TEST_CASE("MappedRows: floats of either byte order, aligned or not, with and without a map") {
  RandomData random(78);
  const std::vector<float> values = random.normal(4 * 5);
  for (const int offset : {0, 1, 2, 4}) {
    for (const bool swapped : {false, true}) {
      std::vector<uint8_t> bytes(static_cast<size_t>(offset) + values.size() * 4);
      for (size_t i = 0; i < values.size(); ++i) {
        uint32_t bits = 0;
        std::memcpy(&bits, &values[i], 4);
        if (swapped) bits = __builtin_bswap32(bits);
        std::memcpy(bytes.data() + static_cast<size_t>(offset) + 4 * i, &bits, 4);
      }
      const TemporaryFile file(bytes);
      const auto type = swapped ? RowFormat::Type::kSwappedFloat32 : RowFormat::Type::kFloat32;
      const MappedRows rows({type, 5, 20, 1}, {{file.path(), static_cast<int64_t>(bytes.size()), offset, 4}});
      const InputArray memory{InputArray::Type::kFloat32, values.data(), 20};
      const std::vector<uint32_t> order = {3, 0, 2};
      CHECK(gather(mapped_array(rows), {1.0F}, {0.0F}, order, 5, 1) == gather(memory, {1.0F}, {0.0F}, order, 5, 1));
      CHECK(gather(mapped_array(rows), {0.1F}, {3.0F}, order, 5, 1) == gather(memory, {0.1F}, {3.0F}, order, 5, 1));
    }
  }
}

TEST_CASE("MappedRows: a random order larger than memory asks for rows ahead, and any order gives the same values") {
  const std::vector<uint8_t> bytes = random_bytes(50 * 3000);
  const TemporaryFile file(bytes);
  const RowFormat format{RowFormat::Type::kUint8, 3000, 3000, 1};
  for (const auto room : {MappedRows::Room::kEnough, MappedRows::Room::kTooLittle}) {
    const MappedRows rows(format, {{file.path(), 150000, 0, 50}}, room);
    CHECK(rows.expect(false) == (room == MappedRows::Room::kTooLittle));
    CHECK(!rows.expect(true));
    ArrayDescription description;
    description.inputs = mapped_array(rows);
    description.count = 50;
    description.scale.assign(1, 1.0F);
    description.shift.assign(1, 0.0F);
    const ArraySamples samples(description, Shape{3000});
    std::vector<uint32_t> order(50);
    for (uint32_t i = 0; i < 50; ++i) order[i] = (i * 7 + 3) % 50;
    GuardedBuffer x(8 * 3000);
    for (const int64_t first : {0, 8, 16, 32, 40, 42}) {
      Team::run(2, [&](Team& team) { samples.gather_inputs(team, order.data(), first, 8, {x.data()}); });
      for (int64_t i = 0; i < 8; ++i) {
        const uint8_t* stored = bytes.data() + order[static_cast<size_t>(first + i)] * 3000;
        CHECK(std::equal(stored, stored + 3000, x.values().begin() + i * 3000));
      }
    }
  }
}

TEST_CASE("MappedRows: errors") {
  const TemporaryFile file(std::vector<uint8_t>(100));
  const RowFormat format{RowFormat::Type::kUint8, 10, 10, 1};
  CHECK(error_of([&] {
          MappedRows(format, {{"/no/such/file", 100, 0, 1}});
        }) == "FILE_NOT_FOUND: /no/such/file: cannot be opened (No such file or directory)");
  CHECK(error_of([&] {
          MappedRows(format, {{file.path(), 100, 1, 10}});
        }) == "SHAPE_MISMATCH: " + file.path() + ": 10 rows from byte 1 on do not lie within its 100 bytes");
  CHECK(error_of([&] {
          MappedRows(format, {{file.path(), 110, 0, 11}});
        }).rfind("FILE_CHANGED: " + file.path(), 0) == 0);
  CHECK(error_of([&] {
          MappedRows({RowFormat::Type::kFloat32, 6, 24, 3}, {{file.path(), 100, 0, 1}});
        }) == "INVALID_ARGUMENT: rows of 6 values in 3 planes, 24 bytes apart, cannot be mapped");
}

TEST_CASE("MappedRows: a file that is cut short reads as zeros, and then as an error, on any thread") {
  constexpr int kRows = 64;
  constexpr int64_t kSize = 5000;
  for (int trial = 0; trial < 20; ++trial) {
    const TemporaryFile file(std::vector<uint8_t>(kRows * kSize, 9));
    const MappedRows rows({RowFormat::Type::kUint8, kSize, kSize, 1}, {{file.path(), kRows * kSize, 0, kRows}});
    rows.check();
    file.truncate(trial * 4099);
    const auto read_all = [&] {
      std::vector<uint8_t> row(kSize);
      for (int r = 0; r < kRows; ++r) rows.copy((r * 37 + trial) % kRows, row.data());
    };
    std::vector<std::thread> readers;
    for (int i = 0; i < 3; ++i) readers.emplace_back(read_all);
    read_all();
    for (std::thread& reader : readers) reader.join();
    CHECK(error_of([&] { rows.check(); }).rfind("FILE_CHANGED: " + file.path() + ": went from 320000 to ", 0) == 0);
  }
}

TEST_CASE("BusGuard: a bus error outside of every guard ends the process by SIGBUS") {
  const TemporaryFile file(std::vector<uint8_t>(100, 9));
  const MappedRows rows({RowFormat::Type::kUint8, 100, 100, 1}, {{file.path(), 100, 0, 1}});
  const pid_t child = fork();
  if (child == 0) {
    const int descriptor = open(file.path().c_str(), O_RDWR);
    void* memory = mmap(nullptr, 8192, PROT_READ, MAP_SHARED, descriptor, 0);
    const volatile auto* bytes = static_cast<volatile uint8_t*>(memory);
    _exit(bytes[5000]);  // beyond the file's last page
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGBUS);
}
