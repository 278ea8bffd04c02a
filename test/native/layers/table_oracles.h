// The equations of layers with tables of rows.
#pragma once

#include "layers/oracles.h"

namespace gradloom::test {

Oracle embedding_layer(RandomData& random, Sizes sizes);
Oracle embedding_bag_layer(RandomData& random, Sizes sizes);
Oracle sparse_dense_layer(RandomData& random, Sizes sizes);

}  // namespace gradloom::test
