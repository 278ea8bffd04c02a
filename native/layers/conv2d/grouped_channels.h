// Conv2d in many small groups for a few samples: in rows, with those of all groups in the lanes
// (kernels/conv2d/grouped_channels.h). Nothing is padded: windows leave out what lies outside.
#pragma once

#include "kernels/conv2d/grouped_channels.h"
#include "layers/conv2d/algorithm.h"

namespace gradloom {

class Conv2dGroupedChannels final : public Conv2dInRows {
 public:
  using Conv2dInRows::Conv2dInRows;

  LayerNeeds needs(const LayerSetting& setting) const override;
  int64_t prepared_floats() const override;
  void prepare(Team& team, const float* weights, float* prepared) const override;
  void forward(const ForwardArguments& args, const float* prepared, float* scratch) const override;
  void backward(const BackwardArguments& args) const override;

 private:
  GroupedShape grouped_shape() const { return {conv_.window, conv_.channels, conv_.filters, conv_.groups}; }
  // Of an image.
  int64_t spread_floats(GroupedPass pass) const;
  const float* spread(Team& team, GroupedPass of, int64_t count, const float* images, float* to) const;
  void pack(Team& team, GroupedPass pass, const float* weights, float* packed) const;
  Tiling pieces(int64_t batch, int64_t threads) const;
};

}  // namespace gradloom
