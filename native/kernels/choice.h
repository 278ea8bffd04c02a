// The table that chooses kernels: fixed rules over shapes, derived from measurements (choice.md, by function),
// never timed at run time (timing would let the bits of a run change from day to day). Whatever the user may force goes
// through here too.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "kernels/activation/activation.h"
#include "kernels/window2d.h"

namespace gradloom {

enum class Conv2dKernel {
  kAuto,              // as a user may ask for; never chosen
  kBlas,              // im2col and matrix products: right for every shape
  kDirect,            // the batch in the SIMD lanes
  kWinograd,          // the same by Winograd's F(4, 3) or F(2, 5)
  kDirectChannels,    // filters in the SIMD lanes: for a few samples
  kWinogradChannels,  // the same by Winograd
  kDirectPixels,      // filters in the SIMD lanes, pixel by pixel: for small maps
  kGroupedChannels,   // those of all of many small groups in the SIMD lanes: for a few samples, depthwise for some more
};

// Whether so many samples are worth a block of lanes, which costs the same for 1 and for 16.
bool fills_lanes(int64_t batch);

// What a user asked for: "auto", "direct", "winograd" or "blas". Throws, starting with `label`, INVALID_SPEC for
// another name and INVALID_OPTION where that kernel does not exist.
Conv2dKernel parse_conv2d_kernel(const std::string& requested, const std::string& label, const Window2d& window,
                                 Activation activation);

// Channels and filters are those of one group.
struct Conv2dShape {
  Window2d window;
  int64_t channels;  // C
  int64_t filters;   // K
  Activation activation;
  int64_t groups = 1;
};
Conv2dKernel choose_conv2d(Conv2dKernel requested, const Conv2dShape& shape, int64_t batch);
// Of a convolution for which that is a kernel for samples in lanes: one for rows that predicts as fast, if there is.
std::optional<Conv2dKernel> choose_conv2d_in_rows(Conv2dKernel requested, const Conv2dShape& shape, int64_t batch);
// Of the first layer in training, and of all that predict.
enum class WantedGradients { kOfWeights, kNone };
// The kernel in rows of a layer whose input's gradient nobody wants, where it takes less time than the chosen one.
std::optional<Conv2dKernel> choose_conv2d_without_gradient(Conv2dKernel requested, const Conv2dShape& shape,
                                                           int64_t batch, WantedGradients wanted);

// Of one for which that is a kernel for rows: one for samples in lanes that is about as fast where nothing has to be
// converted for it, if there is.
std::optional<Conv2dKernel> choose_conv2d_in_lanes(Conv2dKernel requested, const Conv2dShape& shape, int64_t batch);

// The kernel for a prediction, as far as neighbours have no say in it.
Conv2dKernel choose_conv2d_to_predict(Conv2dKernel requested, const Conv2dShape& shape, int64_t batch);
// What it takes for `batch` samples, in times of a sample in a full block of a direct kernel.
double conv2d_prediction_time(Conv2dKernel kernel, const Conv2dShape& shape, int64_t batch);

enum class DenseKernel {
  kBlas,    // OpenBLAS on tiles: packs both operands at every call
  kPanels,  // kernels/gemm/simd_gemm.h, which reads weights as they lie
};

// "auto" is "panels", which was faster at every size tried (kernels/gemm/simd_gemm.h); "blas" stays for comparison.
// Throws INVALID_SPEC, starting with `label`, for another name.
DenseKernel choose_dense(const std::string& requested, const std::string& label);

// Whether dense layers of so many units read images in lanes as they lie: what is saved is the images' conversion to
// rows, which counts the more the fewer units there are.
bool dense_reads_lanes(int64_t units);

// Whether a dense layer in panels transposes the gradients of its input and output in place of its weights.
bool dense_transposes_gradient(int64_t batch, int64_t inputs, int64_t units);

// Split-K: into how many stretches of inputs the sums of a dense layer in rows are cut, which threads make side by
// side. By the layer's shape alone, for sums depend on it.
int64_t dense_stretches(int64_t inputs, int64_t units);

// Whether a dense layer has so few inputs and units that they leave a vector mostly empty, while samples fill it.
bool dense_is_narrow(int64_t inputs, int64_t units, Activation activation);

}  // namespace gradloom
