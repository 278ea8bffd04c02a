// What layers over the vectors of a sample share: samples [F, D] of at least two vectors.
#pragma once

#include "common/error.h"
#include "layers/layer.h"

namespace gradloom {

class FieldLayer : public Layer {
 protected:
  FieldLayer(const Spec& spec, const Shape& input_shape) : Layer(spec, input_shape) {
    if (input_shape.rank() != 2 || input_shape[0] < 2) {
      throw Error("SHAPE_MISMATCH", label() +
                                        ": takes two or more vectors of one length, [fields, units], got samples of "
                                        "shape " +
                                        input_shape.to_string());
    }
  }

  int64_t fields() const { return input_shape()[0]; }  // F
  int64_t width() const { return input_shape()[1]; }   // D
};

}  // namespace gradloom
