#include "optimizers/shampoo.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <vector>

#include "kernels/gemm/gemm.h"
#include "kernels/gemm/symmetric_eigen.h"
#include "kernels/tiling.h"

namespace gradloom {
namespace {

// How a parameter's matrix is cut. Block (i, j) keeps its matrices behind those of all blocks before it.
struct Blocks {
  Tiling rows;
  Tiling columns;

  Blocks(const Shape& shape, int64_t block_size)
      : rows(cut(rows_of(shape), ceil_divide(rows_of(shape), block_size))),
        columns(cut(shape.size() / rows_of(shape), ceil_divide(shape.size() / rows_of(shape), block_size))) {}

  int64_t count() const { return rows.count * columns.count; }
  int64_t left_size() const { return squares(rows) * columns.count; }
  int64_t right_size() const { return squares(columns) * rows.count; }
  // All blocks but the last have the same size.
  int64_t left_offset(int64_t i, int64_t j) const {
    return i * columns.count * rows.step * rows.step + j * rows.size(i) * rows.size(i);
  }
  int64_t right_offset(int64_t i, int64_t j) const { return i * squares(columns) + j * columns.step * columns.step; }

 private:
  static int64_t squares(const Tiling& tiling) {
    const int64_t last = tiling.size(tiling.count - 1);
    return (tiling.count - 1) * tiling.step * tiling.step + last * last;
  }
};

bool is_matrix(const Shape& shape) { return shape.rank() > 1; }

// Scratch of a thread, for blocks of up to `size` rows and columns.
struct Scratch {
  explicit Scratch(int64_t size)
      : size(size),
        gradient(square()),
        half(square()),
        step(square()),
        eigen(size),
        matrix(square()),
        scaled(square()),
        eigenvalues(static_cast<size_t>(size)) {}

  size_t square() const { return static_cast<size_t>(size * size); }

  int64_t size;
  std::vector<float> gradient;
  std::vector<float> half;
  std::vector<float> step;
  SymmetricEigen eigen;
  std::vector<double> matrix;
  std::vector<double> scaled;
  std::vector<double> eigenvalues;
};

// Of the threads of a team, kept by its first one and made before a round, so that no memory for it leaves the
// parameter as it is.
std::vector<Scratch>& scratch_of_team(const Team& team, int64_t size) {
  thread_local std::vector<Scratch> scratch;  // all of one size
  if (!scratch.empty() && scratch.front().size < size) scratch.clear();
  const int64_t made = scratch.empty() ? size : scratch.front().size;
  while (static_cast<int>(scratch.size()) < team.size()) scratch.emplace_back(made);
  return scratch;
}

// root = (statistics + ridge I)^(-1/4), [n, n]; left as it is where there is no decomposition.
void inverse_fourth_root(int64_t n, const float* statistics, float* root, Scratch& scratch) {
  constexpr double kRidge = 1e-6;
  double* vectors = scratch.matrix.data();
  double* values = scratch.eigenvalues.data();
  std::copy_n(statistics, n * n, vectors);
  if (!scratch.eigen.decompose(n, vectors, values)) return;
  const double largest = values[n - 1];
  if (!(largest > 0)) return;
  double* scaled = scratch.scaled.data();
  for (int64_t k = 0; k < n; ++k) {
    const double power = std::pow(std::max(values[k], 0.0) + kRidge * largest, -0.25);
    for (int64_t i = 0; i < n; ++i) scaled[k * n + i] = power * vectors[k * n + i];
  }
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = i; j < n; ++j) {
      double sum = 0;
      for (int64_t k = 0; k < n; ++k) sum += scaled[k * n + i] * vectors[k * n + j];
      root[i * n + j] = root[j * n + i] = static_cast<float>(sum);
    }
  }
}

double norm(const float* values, int64_t count) {
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += static_cast<double>(values[i]) * values[i];
  return std::sqrt(sum);
}

}  // namespace

Shampoo::Shampoo(const Spec& spec)
    : Optimizer(spec, spec.number("weightDecay")),
      rule_{.initial_accumulator = spec.number("initialAccumulator"),
            .epsilon = static_cast<float>(spec.number("epsilon")),
            .block_size = spec.integer("blockSize", 1),
            .root_every = spec.integer("rootEvery", 1),
            .decoupled = spec.string("weightDecayMode") == "decoupled",
            .maximize = spec.string("direction") == "maximize"} {
  check_gemm_size(rule_.block_size);
}

std::vector<StateSpec> Shampoo::states(const Shape& parameter) const {
  std::vector<StateSpec> states = {{"accumulator", static_cast<float>(rule_.initial_accumulator), parameter}};
  if (!is_matrix(parameter)) return states;
  const Blocks blocks(parameter, rule_.block_size);
  states.push_back({"left", 0.0F, Shape{blocks.left_size()}});
  states.push_back({"right", 0.0F, Shape{blocks.right_size()}});
  states.push_back({"leftRoot", 0.0F, Shape{blocks.left_size()}});
  states.push_back({"rightRoot", 0.0F, Shape{blocks.right_size()}});
  return states;
}

GradientCheck Shampoo::update(const UpdateArguments& args) const {
  const Blocks blocks(args.shape, rule_.block_size);
  const int64_t width = args.count / rows_of(args.shape);
  const auto rate = static_cast<float>(args.learning_rate);
  const float sign = rule_.maximize ? -1.0F : 1.0F;
  const float coupled = rule_.decoupled ? 0.0F : args.weight_decay;
  const float shrink = rule_.decoupled ? rate * args.weight_decay : 0.0F;
  const bool makes_roots = args.step % static_cast<uint64_t>(rule_.root_every) == 0;
  const bool has_roots = makes_roots || args.step > static_cast<uint64_t>(rule_.root_every);
  std::vector<Scratch>& scratch_of = scratch_of_team(*args.team, std::max(blocks.rows.step, blocks.columns.step));
  std::atomic<bool> finite{true};
  args.team->for_each(blocks.count(), [&](int64_t index, int thread) {
    const int64_t i = index / blocks.columns.count;
    const int64_t j = index % blocks.columns.count;
    const int64_t rows = blocks.rows.size(i);
    const int64_t columns = blocks.columns.size(j);
    const int64_t corner = blocks.rows.first(i) * width + blocks.columns.first(j);
    Scratch& scratch = scratch_of[static_cast<size_t>(thread)];
    float* gradient = scratch.gradient.data();
    float* step = scratch.step.data();  // of diagonal AdaGrad
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t column = 0; column < columns; ++column) {
        const int64_t at = corner + row * width + column;
        const float g = sign * args.gradient[at] + coupled * args.weight[at];
        float& s = args.states[0][at];
        s += g * g;
        gradient[row * columns + column] = g;
        step[row * columns + column] = g / (std::sqrt(s) + rule_.epsilon);
      }
    }
    if (is_matrix(args.shape)) {
      float* left = args.states[1] + blocks.left_offset(i, j);
      float* right = args.states[2] + blocks.right_offset(i, j);
      float* left_root = args.states[3] + blocks.left_offset(i, j);
      float* right_root = args.states[4] + blocks.right_offset(i, j);
      const MatrixOperand g{gradient, columns};
      const MatrixOperand g_transposed{gradient, columns, Transpose::kYes};
      gemm({rows, rows, columns}, g, g_transposed, Accumulate::kAdd, left, rows);
      gemm({columns, columns, rows}, g_transposed, g, Accumulate::kAdd, right, columns);
      if (makes_roots) {
        inverse_fourth_root(rows, left, left_root, scratch);
        inverse_fourth_root(columns, right, right_root, scratch);
      }
      if (has_roots) {
        const double length = norm(step, rows * columns);
        float* half = scratch.half.data();
        gemm({rows, columns, columns}, g, {right_root, columns}, Accumulate::kOverwrite, half, columns);
        gemm({rows, columns, rows}, {left_root, rows}, {half, columns}, Accumulate::kOverwrite, gradient, columns);
        const double own = norm(gradient, rows * columns);
        if (own > 0) {
          const auto factor = static_cast<float>(length / own);
          for (int64_t k = 0; k < rows * columns; ++k) step[k] = factor * gradient[k];
        }
      }
    }
    bool all = true;
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t column = 0; column < columns; ++column) {
        float& w = args.weight[corner + row * width + column];
        w = w - shrink * w - rate * step[row * columns + column];
        all &= std::isfinite(w);
      }
    }
    if (!all) finite.store(false, std::memory_order_relaxed);
  });
  return finite.load(std::memory_order_relaxed) ? GradientCheck::kFinite : GradientCheck::kNotFinite;
}

// Those of diagonal AdaGrad, whose length the steps have.
void Shampoo::effective_rates(const UpdateArguments& args, float* rates) const {
  const auto rate = static_cast<float>(args.learning_rate);
  for (int64_t i = 0; i < args.count; ++i) rates[i] = rate / (std::sqrt(args.states[0][i]) + rule_.epsilon);
}

}  // namespace gradloom
