// NativeMappedRows of lib/native: samples in mapped files, which are unmapped when it is collected.
#pragma once

#include <optional>

#include <napi.h>
#include "datasets/mapped_rows.h"

namespace gradloom {

class MappedRowsWrap : public Napi::ObjectWrap<MappedRowsWrap> {
 public:
  static Napi::Function define(Napi::Env env);

  explicit MappedRowsWrap(const Napi::CallbackInfo& info);

  const MappedRows& rows() const { return *rows_; }

 private:
  Napi::Value row_count(const Napi::CallbackInfo& info);
  Napi::Value type(const Napi::CallbackInfo& info);
  Napi::Value read(const Napi::CallbackInfo& info);

  std::optional<MappedRows> rows_;
};

}  // namespace gradloom
