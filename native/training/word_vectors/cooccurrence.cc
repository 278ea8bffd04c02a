#include "training/word_vectors/cooccurrence.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <queue>
#include <string>
#include <utility>

#include "common/error.h"

namespace gradloom {
namespace {

struct Cell {
  uint64_t key;  // word << 32 | context
  double count;
};

constexpr uint64_t kFree = UINT64_MAX;  // no cell: words are below 2^31

[[noreturn]] void fail(const std::string& what) {
  throw Error("OUT_OF_MEMORY", "co-occurrences: " + what + " a temporary file failed: " + std::strerror(errno) +
                                   "; free some disk space, or give more memory");
}

// Sorted cells in a temporary file, which is gone once it is closed.
class Run {
 public:
  explicit Run(const std::vector<Cell>& cells) : file_(std::tmpfile(), std::fclose), left_(cells.size()) {
    if (file_ == nullptr) fail("opening");
    if (std::fwrite(cells.data(), sizeof(Cell), cells.size(), file_.get()) != cells.size() ||
        std::fflush(file_.get()) != 0) {
      fail("writing");
    }
    std::rewind(file_.get());
  }

  bool next(Cell& cell) {
    if (at_ == block_.size()) {
      if (left_ == 0) return false;
      constexpr size_t kCellsPerBlock = 4096;
      block_.resize(std::min(kCellsPerBlock, left_));
      if (std::fread(block_.data(), sizeof(Cell), block_.size(), file_.get()) != block_.size()) fail("reading");
      left_ -= block_.size();
      at_ = 0;
    }
    cell = block_[at_++];
    return true;
  }

 private:
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
  size_t left_;
  std::vector<Cell> block_;
  size_t at_ = 0;
};

// Open addressing with linear probing; at most three quarters full.
class CellTable {
 public:
  // Of so many bytes, or fewer where that many cells fill no more.
  CellTable(int64_t bytes, size_t cells) {
    size_t capacity = 1024;
    while (static_cast<int64_t>(2 * capacity * sizeof(Cell)) <= bytes && 3 * capacity <= 4 * cells) capacity *= 2;
    slots_.assign(capacity, {kFree, 0});
  }

  bool full() const { return 4 * used_ >= 3 * slots_.size(); }

  void add(uint64_t key, double count) {
    const size_t mask = slots_.size() - 1;
    // Fibonacci hashing: the high bits of the product are mixed best.
    size_t at = (key * 0x9E3779B97F4A7C15U) >> 20 & mask;
    while (slots_[at].key != key && slots_[at].key != kFree) at = (at + 1) & mask;
    if (slots_[at].key == kFree) {
      slots_[at].key = key;
      ++used_;
    }
    slots_[at].count += count;
  }

  // All cells by key; the table is empty afterwards.
  std::vector<Cell> take_sorted() {
    std::vector<Cell> cells;
    cells.reserve(used_);
    for (Cell& slot : slots_) {
      if (slot.key == kFree) continue;
      cells.push_back(slot);
      slot = {kFree, 0};
    }
    used_ = 0;
    std::sort(cells.begin(), cells.end(), [](const Cell& a, const Cell& b) { return a.key < b.key; });
    return cells;
  }

 private:
  std::vector<Cell> slots_;
  size_t used_ = 0;
};

// Cells in ascending order, those of one key added up.
class CellWriter {
 public:
  void add(const Cell& cell) {
    if (last_ && last_->key == cell.key) {
      last_->count += cell.count;
      return;
    }
    finish_last();
    last_ = cell;
  }

  CooccurrenceCells take() {
    finish_last();
    return std::move(cells_);
  }

 private:
  void finish_last() {
    if (!last_) return;
    cells_.words.push_back(static_cast<uint32_t>(last_->key >> 32));
    cells_.contexts.push_back(static_cast<uint32_t>(last_->key));
    cells_.counts.push_back(static_cast<float>(last_->count));
  }

  std::optional<Cell> last_;
  CooccurrenceCells cells_;
};

CooccurrenceCells merge(std::vector<Run> runs) {
  struct Head {
    Cell cell;
    size_t run;
  };
  const auto after = [](const Head& a, const Head& b) {
    return a.cell.key != b.cell.key ? a.cell.key > b.cell.key : a.run > b.run;
  };
  std::priority_queue<Head, std::vector<Head>, decltype(after)> heads(after);
  Cell cell{};
  for (size_t run = 0; run < runs.size(); ++run) {
    if (runs[run].next(cell)) heads.push({cell, run});
  }
  CellWriter writer;
  while (!heads.empty()) {
    const Head head = heads.top();
    heads.pop();
    writer.add(head.cell);
    if (runs[head.run].next(cell)) heads.push({cell, head.run});
  }
  return writer.take();
}

CooccurrenceCells count(const std::vector<int32_t>& tokens, const CooccurrenceOptions& options,
                        const std::atomic<bool>& stop) {
  CellTable table(options.memory, 2 * static_cast<size_t>(options.window) * tokens.size());
  std::vector<Run> runs;
  size_t begin = 0;  // of the text
  for (size_t at = 0; at < tokens.size(); ++at) {
    if (tokens[at] < 0) {
      begin = at + 1;
      continue;
    }
    if (tokens[at] >= options.vocabulary) {
      throw Error("INVALID_ARGUMENT", "co-occurrences: token " + std::to_string(tokens[at]) + " is no word");
    }
    if (stop.load(std::memory_order_relaxed)) return {};
    const auto word = static_cast<uint64_t>(tokens[at]);
    const size_t reach = std::min(at - begin, static_cast<size_t>(options.window));
    for (size_t distance = 1; distance <= reach; ++distance) {
      const auto context = static_cast<uint64_t>(tokens[at - distance]);
      const double count = options.by_distance ? 1.0 / static_cast<double>(distance) : 1.0;
      table.add(word << 32 | context, count);
      if (options.symmetric) table.add(context << 32 | word, count);
      if (table.full()) runs.emplace_back(table.take_sorted());
    }
  }
  if (!runs.empty()) {
    runs.emplace_back(table.take_sorted());
    return merge(std::move(runs));
  }
  CellWriter writer;
  for (const Cell& cell : table.take_sorted()) writer.add(cell);
  return writer.take();
}

}  // namespace

CooccurrenceCells count_cooccurrences(const std::vector<int32_t>& tokens, const CooccurrenceOptions& options,
                                      const std::atomic<bool>& stop) {
  try {
    return count(tokens, options, stop);
  } catch (const std::bad_alloc&) {
    throw Error("OUT_OF_MEMORY", "co-occurrences: there is no memory for a table of " + std::to_string(options.memory) +
                                     " bytes and the cells; give less memory or a larger minCount");
  }
}

}  // namespace gradloom
