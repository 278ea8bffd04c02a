#include "binding/machine_limits.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <vector>

#include "binding/convert.h"
#include "binding/errors.h"
#include "common/aligned_buffer.h"
#include "common/checked.h"
#include "common/error.h"
#include "common/parallel.h"
#include "common/prefetch.h"
#include "common/random.h"
#include "kernels/machine/limits.h"
#include "kernels/tiling.h"
#include "kernels/vectors/vectors.h"

namespace gradloom {
namespace {

// Long beside a clock's reading and a team's dispatch, short beside the slice of time that another program takes.
constexpr double kRoundSeconds = 0.001;

// Times `round(repeats)` again and again for so many seconds and returns the least time of one repeat. What other
// programs do makes rounds longer, never shorter.
template <class Round>
double least_seconds(double seconds, Round round) {
  using Clock = std::chrono::steady_clock;
  const auto timed = [&](int64_t repeats) {
    const auto start = Clock::now();
    round(repeats);
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  int64_t repeats = 1;
  while (timed(repeats) < kRoundSeconds) repeats *= 2;
  double least = timed(repeats);
  for (double spent = least; spent < seconds;) {
    const double taken = timed(repeats);
    spent += taken;
    least = std::min(least, taken);
  }
  return least / static_cast<double>(repeats);
}

constexpr int64_t kRounds = 1000;

// Of all threads together, each at chains(rounds), which makes `operations` in kRounds.
template <class Chains>
double operations_per_second(Team& team, double seconds, int64_t operations, Chains chains) {
  std::vector<float> sums(static_cast<size_t>(team.size()));  // so that nothing is left out
  const double least = least_seconds(seconds, [&](int64_t repeats) {
    team.for_each(team.size(), [&](int64_t job, int) { sums[static_cast<size_t>(job)] = chains(repeats * kRounds); });
  });
  return static_cast<double>(team.size() * operations) / least;
}

double flops_per_second(Team& team, double seconds) {
  return operations_per_second(team, seconds, multiply_add_flops(kRounds),
                               [](int64_t rounds) { return multiply_add_chains(rounds, 0.5F, 1); });
}

double divisions_per_second(Team& team, double seconds) {
  return operations_per_second(team, seconds, roots_and_divisions(kRounds),
                               [](int64_t rounds) { return root_division_chains(rounds, 2); });
}

// Of a cache line from one core to another and back, between two jobs that wait for each other and so never meet on one
// thread.
double round_trip_seconds(Team& team, double seconds) {
  if (team.size() == 1) return 0;
  return least_seconds(seconds, [&](int64_t repeats) {
    std::atomic<int64_t> turn{0};
    team.for_each(2, [&](int64_t job, int) {
      for (int64_t mine = job; mine < 2 * repeats; mine += 2) {
        while (turn.load(std::memory_order_acquire) != mine) {
        }
        turn.store(mine + 1, std::memory_order_release);
      }
    });
  });
}

// Of arrays that take `bytes` in all, each thread with its own.
double bytes_per_second(Team& team, int64_t bytes, double seconds) {
  constexpr int64_t kMultiple = 64;
  constexpr auto kBytes = static_cast<int64_t>(sizeof(float));
  const int64_t count = std::max(bytes / (2 * kBytes * team.size() * kMultiple), int64_t{1}) * kMultiple;
  std::vector<AlignedBuffer> arrays;
  for (int i = 0; i < 2 * team.size(); ++i) arrays.emplace_back(count);
  // Memory that nobody has written to may be one page of zeros.
  team.for_each(2 * team.size(),
                [&](int64_t array, int) { std::fill_n(arrays[static_cast<size_t>(array)].data(), count, 1.0F); });
  const double least = least_seconds(seconds, [&](int64_t repeats) {
    team.for_each(team.size(), [&](int64_t job, int) {
      const auto first = static_cast<size_t>(2 * job);
      for (int64_t i = 0; i < repeats; ++i) add_scaled(0.5F, arrays[first].data(), count, arrays[first + 1].data());
    });
  });
  return static_cast<double>(3 * kBytes * count * team.size()) / least;
}

struct Table {
  int64_t bytes;
  int64_t row_bytes;
  bool written;
};

// Of its rows, in random order: each thread has places of its own, and rows of its own where it changes them.
double row_bytes_per_second(Team& team, const Table& table, double seconds) {
  constexpr int64_t kLineFloats = 16;
  constexpr int64_t kPlaces = 4096;  // of a thread in a round
  // Of all threads together before a place comes again: rows that no cache holds until then.
  constexpr int64_t kVisitedBytes = int64_t{256} << 20;
  const int threads = team.size();
  const int64_t lines = std::max<int64_t>(1, ceil_divide(table.row_bytes, kCacheLine));
  const int64_t row_bytes = lines * kCacheLine;
  const int64_t rows = std::max<int64_t>(threads, table.bytes / row_bytes);
  AlignedBuffer memory(rows * lines * kLineFloats);
  const EvenTiling filled = {memory.size(), threads};
  team.for_each(filled.count,
                [&](int64_t part, int) { std::fill_n(memory.data() + filled.first(part), filled.size(part), 1.0F); });
  const int64_t rounds = ceil_divide(kVisitedBytes, row_bytes * kPlaces * threads);
  std::vector<uint32_t> places(static_cast<size_t>(threads * rounds * kPlaces));
  const RandomStream random(1, RandomPurpose::kNoise, 0, 0);
  const EvenTiling own = {rows, threads};
  for (size_t i = 0; i < places.size(); i += 4) {
    const auto thread = static_cast<int64_t>(i) / (rounds * kPlaces);
    const int64_t first = table.written ? own.first(thread) : 0;
    const auto count = static_cast<uint64_t>(table.written ? own.size(thread) : rows);
    const PhiloxBlock words = random.block(i / 4);
    for (size_t k = 0; k < 4; ++k) places[i + k] = static_cast<uint32_t>(first + (words[k] * count >> 32));
  }
  const bool from_memory = table.written ? exceeds_l3(table.bytes) : exceeds_l2(table.bytes);
  std::vector<float> sums(static_cast<size_t>(threads));  // so that nothing is left out
  int64_t round = 0;
  const double least = least_seconds(seconds, [&](int64_t repeats) {
    team.for_each(team.size(), [&](int64_t job, int) {
      for (int64_t i = 0; i < repeats; ++i) {
        const uint32_t* const first = places.data() + (job * rounds + (round + i) % rounds) * kPlaces;
        if (table.written) {
          scale_placed_rows(memory.data(), {lines, first, kPlaces, from_memory}, 1);
        } else {
          sums[static_cast<size_t>(job)] += sum_placed_rows(memory.data(), {lines, first, kPlaces, from_memory});
        }
      }
    });
    round += repeats;
  });
  return static_cast<double>((table.written ? 2 : 1) * row_bytes * kPlaces * threads) / least;
}

Table to_table(const Napi::Value& value) {
  const Napi::Object table = to_object(value, "table");
  return {integer_property(table, "bytes", 1), integer_property(table, "rowBytes", 1),
          table.Get("written").ToBoolean()};
}

}  // namespace

Napi::Value machine_limits(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Napi::Object options = to_object(info[0], "options");
    const int threads = resolve_threads(to_threads(options.Get("threads")));
    const double seconds = number_property(options, "seconds");
    if (!options.Get("workingSets").IsArray()) throw Error("INVALID_ARGUMENT", "workingSets must be a list");
    const auto list = options.Get("workingSets").As<Napi::Array>();
    std::vector<int64_t> working_sets;
    for (uint32_t i = 0; i < list.Length(); ++i) working_sets.push_back(to_integer(list.Get(i), "workingSets", 1));
    if (!options.Get("tables").IsArray()) throw Error("INVALID_ARGUMENT", "tables must be a list");
    const auto described = options.Get("tables").As<Napi::Array>();
    std::vector<Table> tables;
    for (uint32_t i = 0; i < described.Length(); ++i) tables.push_back(to_table(described.Get(i)));
    double flops = 0;
    double divisions = 0;
    double round_trip = 0;
    std::vector<double> bytes;
    std::vector<double> row_bytes;
    Team::run(threads, [&](Team& team) {
      flops = flops_per_second(team, seconds);
      divisions = divisions_per_second(team, seconds);
      round_trip = round_trip_seconds(team, seconds);
      for (const int64_t working_set : working_sets) bytes.push_back(bytes_per_second(team, working_set, seconds));
      for (const Table& table : tables) row_bytes.push_back(row_bytes_per_second(team, table, seconds));
    });
    const auto to_array = [&](const std::vector<double>& rates) {
      Napi::Float64Array array = Napi::Float64Array::New(info.Env(), rates.size());
      std::copy(rates.begin(), rates.end(), array.Data());
      return array;
    };
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("flopsPerSecond", flops);
    result.Set("divisionsPerSecond", divisions);
    result.Set("roundTripSeconds", round_trip);
    result.Set("bytesPerSecond", to_array(bytes));
    result.Set("rowBytesPerSecond", to_array(row_bytes));
    return result;
  });
}

}  // namespace gradloom
