#include "layers/tables/table_spec.h"

#include "common/error.h"

namespace gradloom {

void check_table_rows(int64_t rows, const std::string& label) {
  if (rows > kMostTableRows) {
    throw Error("INVALID_SPEC", label + ": a table of " + std::to_string(rows) + " rows; ids name at most " +
                                    std::to_string(kMostTableRows));
  }
}

int64_t read_padding(const Spec& spec, int64_t rows, const std::string& label) {
  const int64_t padding = spec.integer("paddingId", -1);
  if (padding >= rows) {
    throw Error("INVALID_SPEC", label + ": paddingId " + std::to_string(padding) + " is no row of a table of " +
                                    std::to_string(rows) + " rows");
  }
  return padding;
}

ElementType read_element(const Spec& spec, const std::string& label) {
  if (!spec.has("dtype") || spec.string("dtype") == "float32") return ElementType::kFloat32;
  if (spec.string("dtype") == "bfloat16") return ElementType::kBfloat16;
  throw Error("INVALID_SPEC", label + ": dtype \"" + spec.string("dtype") + "\" does not exist");
}

ParameterSpec table_parameter(const Spec& spec, int64_t rows, int64_t units, const std::string& label) {
  const Initializer initializer = read_initializer(spec, "weightInitializer", label, {rows, units});
  return {.name = "weight",
          .shape = {rows, units},
          .initializer = initializer,
          .row_width = units,
          .element = read_element(spec, label)};
}

}  // namespace gradloom
