// What a layer reads of a network's input.
#pragma once

namespace gradloom {

enum class InputForm {
  kFloats,  // values, converted and preprocessed
  kIds,     // [N][L] numbers of rows of a table
  kSparse,  // the entries (feature, value) of each sample; features that have none are 0
};

}  // namespace gradloom
