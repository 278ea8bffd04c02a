// Conv2dDirect with windows of one pixel: products of matrices, pixel by pixel, without copies.
#include <algorithm>

#include "kernels/conv2d_pointwise.h"
#include "kernels/lanes.h"
#include "layers/conv2d_direct.h"

namespace gradloom {

bool Conv2dDirect::by_products() const {
  constexpr int64_t kFewest = 8;
  return conv_.window.pointwise() && std::min(conv_.channels_per_group(), conv_.filters_per_group()) >= kFewest;
}

PointwiseShape Conv2dDirect::pointwise_shape(int64_t lanes) const {
  return {conv_.channels_per_group(), conv_.filters_per_group(), conv_.window.input_pixels(), lanes};
}

// Calls visit(shape of the block's images, piece of pixels, group, how many groups of images of all blocks lie before
// it) in jobs.
template <class Visit>
void Conv2dDirect::for_each_product(const Pass& pass, Visit visit) const {
  const int64_t pieces = pointwise_pieces(pointwise_shape()).count;
  pass.team.for_each(lane_blocks(pass.batch) * conv_.groups * pieces, [&](int64_t job, int) {
    const int64_t before = job / pieces;
    visit(pointwise_shape(lanes_in_use(pass.batch, before / conv_.groups)), job % pieces, before % conv_.groups,
          before);
  });
}

void Conv2dDirect::forward_products(const ForwardArguments& args) const {
  const int64_t plane = conv_.window.input_pixels() * kLanes;
  for_each_product(args.pass, [&](const PointwiseShape& shape, int64_t piece, int64_t group, int64_t before) {
    conv2d_pointwise_forward(shape, piece, args.x + before * shape.channels * plane,
                             args.parameters[0] + group * shape.filters * shape.channels,
                             conv_.has_bias ? args.parameters[1] + group * shape.filters : nullptr, conv_.activation,
                             args.y + before * shape.filters * plane);
  });
}

// Each piece of dy meets the derivative of the activation where it is read, and is dz from then on.
void Conv2dDirect::input_gradient_products(const BackwardArguments& args) const {
  const Tiling pieces = pointwise_pieces(pointwise_shape());
  const int64_t plane = conv_.window.input_pixels() * kLanes;
  for_each_product(args.pass, [&](const PointwiseShape& shape, int64_t piece, int64_t group, int64_t before) {
    float* const dz = args.dy + before * shape.filters * plane;
    const int64_t first = pieces.first(piece) * kLanes;
    activation_backward(conv_.activation, {shape.filters, pieces.size(piece) * kLanes, plane},
                        args.y + before * shape.filters * plane + first, dz + first);
    conv2d_pointwise_input_gradient(shape, piece, dz, args.parameters[0] + group * shape.filters * shape.channels,
                                    args.dx + before * shape.channels * plane);
  });
}

}  // namespace gradloom
