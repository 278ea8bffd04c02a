// How work is divided: threads of a pass or an update, and how much of it makes a job, by fixed rules over shapes
// (choice.md, by function).
#pragma once

#include <cstdint>

#include "kernels/gemm/gemm.h"
#include "kernels/tiling.h"

namespace gradloom {

// Threads for passes of `flops`: a fork and a barrier cost more than the arithmetic of a tiny model.
int choose_threads(int requested, int64_t flops);
// The same for steps of a run: in each, every thread reads what the others have just written.
int choose_threads_of_steps(int requested, int64_t flops);
// The same for a call that begins a team of its own for all its passes.
int choose_threads_of_call(int requested, int64_t flops_of_pass, int64_t flops_of_call);

// The same for calls whose team stands by.
int choose_threads_of_standing(int requested, int64_t flops);

struct PredictionShape {
  int64_t largest_floats;  // inputs and outputs of the layer that has most of them, a sample
  int64_t flops;           // a sample
  int64_t weights;
  bool in_rows;
};
// Whether so many samples, in a pass of their own, are worth reading all weights once more.
bool worth_all_weights(int64_t samples, const PredictionShape& shape);

// Whether predictions of `count` samples, up to `batch` in a pass, are made in pieces whose values stay in a thread's
// caches through all layers, and of how many samples: 0 when not. In rows it may be any number, in lanes whole blocks
// of 16.
int64_t samples_of_piece(int64_t count, int64_t batch, const PredictionShape& shape);

// Threads for an update of `elements` weights by a standing team.
int choose_threads_of_update(int requested, int64_t elements);

// Rows, each of so many flops, of a job that is worth handing to a thread: some microseconds.
int64_t rows_of_job(double flops_per_row);

// The rows of a product [rows, depth] x [depth, columns] cut into such jobs, up to a multiple of 6, the rows of the
// kernels' tiles.
EvenTiling tile_product_rows(int64_t rows, int64_t columns, int64_t depth);

// The same into at most so many pieces of `fewest` rows or more, where each job has to fetch or make operand b.
EvenTiling tile_panel_rows(const ProductShape& shape, int64_t pieces, int64_t fewest);

// Output pixels whose im2col rows of `row_length` floats make one product of a convolution: about what fits in L2.
int64_t pixels_per_product(int64_t row_length);

// Partial sums for the weight gradient of a convolution: many enough for the cores, few enough for memory.
int64_t weight_gradient_parts(int64_t pixels, int64_t weights);

}  // namespace gradloom
