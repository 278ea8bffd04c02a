// The equations of layers that merge several inputs.
#pragma once

#include "layers/oracles.h"

namespace gradloom::test {

Oracle add_layer(RandomData& random, Sizes sizes);
Oracle concat_layer(RandomData& random, Sizes sizes);
Oracle dot_layer(RandomData& random, Sizes sizes);
Oracle in_batch_negatives_layer(RandomData& random, Sizes sizes);
Oracle multiply_layer(RandomData& random, Sizes sizes);

}  // namespace gradloom::test
