// The gradient of the input of DensePanels, dx = dz W. The weights lie unit by unit, where its products would
// have them input by input. Either these are transposed, panel by panel, or dz and dx are, which are smaller when
// there are more units than samples: dx^T = W^T dz^T then reads weights where they lie, float by float.
#include <algorithm>
#include <array>
#include <span>

#include "common/checked.h"
#include "kernels/choice.h"
#include "kernels/gemm/gemm.h"
#include "kernels/gemm/simd_gemm.h"
#include "kernels/layout/lanes.h"
#include "kernels/work_sizes.h"
#include "layers/dense/panels.h"

namespace gradloom {
namespace {

// Units of a sum, whose weights for the inputs of a job, transposed or not, stay in L2.
constexpr int64_t kUnitsOfSum = 1024;
// Inputs of a job that reads weights where they lie: whole tiles of rows, and lines of dx.
constexpr int64_t kInputsOfJob = 48;

// So few that one thread has made them before others have heard of them.
bool few_products(const ProductShape& shape) {
  constexpr int64_t kFew = 64 * 1024;
  return shape.rows * shape.columns * shape.depth < kFew;
}

// dz transposed: [samples / 16][units][16], `panel` floats from 16 samples to the next.
struct TransposedGradient {
  const float* data;
  int64_t panel;

  TransposedGradient from(int64_t unit) const { return {data + unit * kPanelColumns, panel}; }
};

// The weights of a job's inputs for the units of a sum: a stretch of each panel of units, of which the last may be
// narrower.
class WeightStretches {
 public:
  WeightStretches() = default;
  WeightStretches(const float* weight, const Tiling& inputs, int64_t job, const Tiling& units, int64_t sum)
      : inputs_(inputs.size(job)),
        apart_(inputs.extent * kPanelWidth),
        whole_(units.size(sum) / kPanelWidth),
        rest_(units.size(sum) % kPanelWidth),
        first_(weight + units.first(sum) * inputs.extent + (whole_ > 0 ? inputs.first(job) * kPanelWidth : 0)),
        last_(weight + (units.first(sum) + whole_ * kPanelWidth) * inputs.extent + inputs.first(job) * rest_) {
    for (int64_t s = 0; s < whole_; ++s) add_span(first_ + s * apart_, kPanelWidth);
    if (rest_ > 0) add_span(last_, rest_);
  }

  Upcoming lines() const { return Upcoming(spans_).first(span_count_); }

  // dx[i, n] = sum over u of w[u, i] dz[u, n], or added, with rows of `stride` floats.
  void multiply(int64_t samples, const TransposedGradient& dz, Accumulate accumulate, float* dx, int64_t stride,
                Upcoming upcoming) const {
    if (whole_ > 0) {
      simd_gemm_segments({inputs_, samples, kPanelWidth}, whole_, {first_, kPanelWidth, apart_},
                         {dz.data, dz.panel, kPanelWidth * kPanelColumns}, accumulate, dx, stride, upcoming);
    }
    if (rest_ == 0) return;
    const TransposedGradient of_rest = dz.from(whole_ * kPanelWidth);
    simd_gemm_segments({inputs_, samples, rest_}, 1, {last_, rest_, 0}, {of_rest.data, of_rest.panel, 0},
                       whole_ > 0 ? Accumulate::kAdd : accumulate, dx, stride);
  }

 private:
  void add_span(const float* from, int64_t width) {
    spans_.at(span_count_++) = std::as_bytes(std::span(from, static_cast<size_t>(inputs_ * width)));
  }

  int64_t inputs_ = 0;
  int64_t apart_ = 0;  // floats from stretch to stretch
  int64_t whole_ = 0;  // stretches
  int64_t rest_ = 0;   // units of the last, narrower one
  const float* first_ = nullptr;
  const float* last_ = nullptr;
  std::array<ByteSpan, kUnitsOfSum / kPanelWidth> spans_;
  size_t span_count_ = 0;
};

}  // namespace

bool DensePanels::transposes_gradient(int64_t batch) const {
  return kernel_ == DenseKernel::kPanels && dense_transposes_gradient(batch, dense_.inputs, dense_.units);
}

int64_t DensePanels::input_gradient_floats(int64_t batch, int threads) const {
  if (!transposes_gradient(batch)) return threads * transposed_weights();
  return checked_multiply(round_up(batch, kPanelColumns), dense_.units + threads * kInputsOfJob);
}

void DensePanels::input_gradient(const BackwardArguments& args, float* scratch) const {
  transposes_gradient(args.pass.batch) ? input_gradient_transposed(args, scratch)
                                       : input_gradient_by_weights(args, scratch);
}

// A job transposes the weights of its panel of inputs, some units at a time, which stay in L2 while its samples are
// multiplied by them.
void DensePanels::input_gradient_by_weights(const BackwardArguments& args, float* scratch) const {
  const float* weight = args.parameters[0];
  const Panels outputs{dense_.units};
  const Panels inputs{dense_.inputs};
  constexpr int64_t kFewestRows = 32;  // transposing costs as much as some ten rows' products
  const int threads = threads_to_cut_for(args.pass.team.size());
  const EvenTiling rows =
      tile_panel_rows({args.pass.batch, kPanelWidth, dense_.units}, pieces(threads, inputs.count()), kFewestRows);
  const auto multiply = [&](const ProductShape& shape, const MatrixOperand& a, const MatrixOperand& b,
                            Accumulate accumulate, float* c) {
    kernel_ == DenseKernel::kBlas ? gemm(shape, a, b, accumulate, c, dense_.inputs)
                                  : simd_gemm(shape, a, b, accumulate, c, dense_.inputs);
  };
  const auto of_job = [&](int64_t job, int thread) {
    const int64_t panel = job / rows.count;
    const int64_t row = rows.first(job % rows.count);
    const int64_t first = inputs.first(panel);
    const int64_t width = inputs.width(panel);
    float* transposed = scratch + thread * transposed_weights();
    for (int64_t unit = 0; unit < dense_.units; unit += kUnitsOfSum) {
      const int64_t count = std::min(kUnitsOfSum, dense_.units - unit);
      for (int64_t p = unit / kPanelWidth; outputs.first(p) < unit + count; ++p) {
        transpose(width, outputs.width(p), weight + outputs.first(p) * dense_.inputs + first * outputs.width(p),
                  outputs.width(p), transposed + (outputs.first(p) - unit) * width, width);
      }
      multiply({rows.size(job % rows.count), width, count}, {args.dy + row * dense_.units + unit, dense_.units},
               {transposed, width}, unit == 0 ? Accumulate::kOverwrite : Accumulate::kAdd,
               args.dx + row * dense_.inputs + first);
    }
  };
  const int64_t jobs = inputs.count() * rows.count;
  if (few_products({args.pass.batch, dense_.inputs, dense_.units})) {
    for (int64_t job = 0; job < jobs; ++job) of_job(job, 0);
  } else {
    args.pass.team.for_each(jobs, of_job);
  }
}

// Floats that a thread transposes weights into.
int64_t DensePanels::transposed_weights() const {
  return round_up(std::min(dense_.units, kUnitsOfSum) * std::min(dense_.inputs, kPanelWidth), kLanes);
}

// dz is transposed once, [samples / 16][units][16], dx by each job, [inputs][samples].
void DensePanels::input_gradient_transposed(const BackwardArguments& args, float* scratch) const {
  const int64_t batch = args.pass.batch;
  const int64_t stride = round_up(batch, kPanelColumns);
  const TransposedGradient dz{scratch, dense_.units * kPanelColumns};
  const Tiling columns{batch, kPanelColumns, ceil_divide(batch, kPanelColumns)};
  const Tiling units = cut(dense_.units, tile_rows(batch, dense_.units).count, kLanes);
  args.pass.team.for_each(units.count, [&](int64_t tile, int) {
    const int64_t unit = units.first(tile);
    for (int64_t c = 0; c < columns.count; ++c) {
      transpose(columns.size(c), units.size(tile), args.dy + columns.first(c) * dense_.units + unit, dense_.units,
                scratch + c * dz.panel + unit * kPanelColumns, kPanelColumns);
    }
  });
  const Tiling inputs = cut(dense_.inputs, ceil_divide(dense_.inputs, kInputsOfJob), kLanes);
  const Tiling sums{dense_.units, kUnitsOfSum, ceil_divide(dense_.units, kUnitsOfSum)};
  const auto weights = [&](int64_t job, int64_t sum) {
    return WeightStretches(args.parameters[0], inputs, job, sums, sum);
  };
  const bool larger_than_l2 = weights_exceed_l2();
  args.pass.team.for_each(inputs.count, [&](int64_t job, int thread) {
    float* const dx = scratch + stride * (dense_.units + thread * kInputsOfJob);
    for (int64_t sum = 0; sum < sums.count; ++sum) {
      const bool ends = sum + 1 == sums.count;
      const int64_t next = ends ? job + 1 : job;
      const auto behind = larger_than_l2 && next < inputs.count ? weights(next, ends ? 0 : sum + 1) : WeightStretches();
      weights(job, sum).multiply(batch, dz.from(sums.first(sum)), sum == 0 ? Accumulate::kOverwrite : Accumulate::kAdd,
                                 dx, stride, behind.lines());
    }
    transpose(inputs.size(job), batch, dx, stride, args.dx + inputs.first(job), dense_.inputs);
  });
}

}  // namespace gradloom
