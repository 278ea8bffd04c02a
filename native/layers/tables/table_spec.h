// What layers with a table read of their specs.
#pragma once

#include <cstdint>
#include <string>

#include "common/spec.h"
#include "kernels/embedding/table_elements.h"
#include "layers/layer.h"

namespace gradloom {

// Row numbers are 32 bits, the largest int32 included.
constexpr int64_t kMostTableRows = int64_t{1} << 31;

// Throws INVALID_SPEC, starting with `label`, for more rows than ids can name.
void check_table_rows(int64_t rows, const std::string& label);

// The attribute paddingId: a row, or -1 for none.
int64_t read_padding(const Spec& spec, int64_t rows, const std::string& label);

// The attribute dtype, "float32" where there is none.
ElementType read_element(const Spec& spec, const std::string& label);

// The parameter "weight" [rows, units].
ParameterSpec table_parameter(const Spec& spec, int64_t rows, int64_t units, const std::string& label);

// Such a parameter, where it lies.
inline TableElements elements_of(const ParameterSpec& table, const float* storage) {
  return {table.element, storage, table.shape.size()};
}

}  // namespace gradloom
