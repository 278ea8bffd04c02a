#include "training/tables/shared_tables.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "common/checked.h"
#include "kernels/tiling.h"
#include "training/step/gradient_sinks.h"

namespace gradloom {
namespace {

// Rows whose gradients are summed and updated at a time: floats of the sums, as many as fit L1.
constexpr int64_t kChunk = 4096;

}  // namespace

void TableUse::reserve(int64_t rows) {
  if (static_cast<int64_t>(rows_.size()) >= rows) return;
  rows_.resize(static_cast<size_t>(rows));
  values_ = AlignedBuffer(checked_multiply(rows, width_));
}

void TableUse::begin_rows(int64_t touched) {
  reserve(touched);
  touched_ = touched;
  std::fill_n(rows_.begin(), touched, kNoRow);
}

void TableUse::complete_rows(const RowGradients& gradients) {
  std::copy_n(gradients.rows, gradients.count, rows_.begin() + gradients.first);
}

void TableUse::advance() {
  do {
    ++place_;
  } while (place_ < touched_ && rows_[static_cast<size_t>(place_)] == kNoRow);
}

SharedTables::SharedTables(const Architecture& architecture, int threads) {
  for (size_t p = 0; p < architecture.parameters().size(); ++p) {
    const auto& parameter = architecture.parameters()[p];
    const std::vector<int> users = architecture.users_of(static_cast<int>(p));
    if (parameter.row_width == 0 || parameter.role != ParameterRole::kTrained || users.size() < 2) continue;
    const int64_t width = parameter.row_width;
    std::vector<TableUse> uses;
    for (const int layer : users) uses.emplace_back(layer, width);
    const bool rounds = parameter.element == ElementType::kBfloat16;
    const int64_t chunk = std::max(kChunk, width);
    tables_.push_back({static_cast<int>(p), width, std::move(uses), AlignedBuffer(checked_multiply(threads, chunk)),
                       AlignedBuffer(rounds ? checked_multiply(threads, chunk) : 0)});
  }
}

TableUse* SharedTables::use(int layer, int parameter) {
  for (Table& table : tables_) {
    if (table.parameter != parameter) continue;
    return &*std::find_if(table.uses.begin(), table.uses.end(),
                          [=](const TableUse& use) { return use.layer() == layer; });
  }
  return nullptr;
}

void SharedTables::reserve(const Architecture& architecture, const ArraySamples& samples, int64_t batch) {
  for (Table& table : tables_) {
    const int64_t rows = architecture.parameters()[static_cast<size_t>(table.parameter)].rows_shape()[0];
    size_t total = 0;
    for (TableUse& use : table.uses) {
      const int input = architecture.inputs_of(use.layer()).front();
      const int64_t most = std::min(rows, samples.most_entries(batch, input));
      use.reserve(most);
      total += static_cast<size_t>(most);
    }
    rows_.reserve(total);
    starts_.reserve(total + 1);
    parts_.reserve(total);
  }
}

int SharedTables::update(Team& team, Learner& learner) {
  int culprit = -1;
  for (Table& table : tables_) {
    if (update(team, learner, table) == GradientCheck::kNotFinite) culprit = table.parameter;
  }
  return culprit;
}

void SharedTables::merge(Table& table) {
  rows_.clear();
  starts_.clear();
  parts_.clear();
  for (TableUse& use : table.uses) use.rewind();
  while (true) {
    uint32_t next = TableUse::kNoRow;
    for (const TableUse& use : table.uses) next = std::min(next, use.row());
    starts_.push_back(static_cast<int64_t>(parts_.size()));
    if (next == TableUse::kNoRow) return;
    rows_.push_back(next);
    for (TableUse& use : table.uses) {
      if (use.row() != next) continue;
      parts_.push_back(use.gradient());
      use.advance();
    }
  }
}

GradientCheck SharedTables::update(Team& team, Learner& learner, Table& table) {
  merge(table);
  const int64_t width = table.width;
  const int64_t chunk = std::max<int64_t>(1, kChunk / width);
  std::atomic<bool> finite{true};
  const Tiling tiles = tile_rows(static_cast<int64_t>(rows_.size()), width);
  team.for_each(tiles.count, [&](int64_t tile, int thread) {
    float* sums = table.sums.data() + thread * std::max(kChunk, width);
    float* weights = table.weights.size() == 0 ? nullptr : table.weights.data() + thread * std::max(kChunk, width);
    const int64_t end = tiles.first(tile) + tiles.size(tile);
    for (int64_t first = tiles.first(tile); first < end; first += chunk) {
      const int64_t count = std::min(chunk, end - first);
      for (int64_t i = 0; i < count; ++i) {
        const auto row = static_cast<size_t>(first + i);
        float* sum = sums + i * width;
        std::copy_n(parts_[static_cast<size_t>(starts_[row])], width, sum);
        for (int64_t part = starts_[row] + 1; part < starts_[row + 1]; ++part) {
          const float* values = parts_[static_cast<size_t>(part)];
          for (int64_t d = 0; d < width; ++d) sum[d] += values[d];
        }
      }
      const RowGradients gradients{first, count, rows_.data() + first, width, sums, -1, weights, end - first - count};
      if (update_rows(learner, table.parameter, gradients, learner.steps + 1) == GradientCheck::kFinite) continue;
      finite.store(false, std::memory_order_relaxed);
    }
  });
  return finite.load(std::memory_order_relaxed) ? GradientCheck::kFinite : GradientCheck::kNotFinite;
}

}  // namespace gradloom
