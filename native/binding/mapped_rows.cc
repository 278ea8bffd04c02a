#include "binding/mapped_rows.h"

#include <string>
#include <utility>
#include <vector>

#include "binding/convert.h"
#include "binding/errors.h"
#include "common/error.h"

namespace gradloom {
namespace {

RowFormat to_format(const Napi::Object& spec) {
  using Type = RowFormat::Type;
  const std::string type = string_property(spec, "type");
  if (type != "uint8" && type != "float32" && type != "swappedFloat32") {
    throw Error("INVALID_ARGUMENT", "type must be \"uint8\", \"float32\" or \"swappedFloat32\"");
  }
  return {.type = type == "uint8"     ? Type::kUint8
                  : type == "float32" ? Type::kFloat32
                                      : Type::kSwappedFloat32,
          .size = integer_property(spec, "size", 1),
          .stride = integer_property(spec, "stride", 1),
          .planes = integer_property(spec, "planes", 1)};
}

std::vector<FileRows> to_files(const Napi::Value& value) {
  if (!value.IsArray() || value.As<Napi::Array>().Length() == 0) {
    throw Error("INVALID_ARGUMENT", "files must be a list of at least one");
  }
  const auto list = value.As<Napi::Array>();
  std::vector<FileRows> files;
  for (uint32_t i = 0; i < list.Length(); ++i) {
    const Napi::Object file = to_object(list.Get(i), "files");
    files.push_back({string_property(file, "path"), integer_property(file, "bytes", 1),
                     integer_property(file, "offset", 0), integer_property(file, "rows", 1)});
  }
  return files;
}

}  // namespace

Napi::Function MappedRowsWrap::define(Napi::Env env) {
  return DefineClass(env, "NativeMappedRows",
                     {InstanceAccessor<&MappedRowsWrap::row_count>("rows"),
                      InstanceAccessor<&MappedRowsWrap::type>("type"), InstanceMethod<&MappedRowsWrap::read>("read")});
}

MappedRowsWrap::MappedRowsWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<MappedRowsWrap>(info) {
  guarded(info.Env(), [&] {
    const Napi::Object spec = to_object(info[0], "spec");
    const bool fits = spec.Get("fitsMemory").ToBoolean();
    rows_.emplace(to_format(spec), to_files(spec.Get("files")),
                  fits ? MappedRows::Room::kEnough : MappedRows::Room::kTooLittle);
  });
}

Napi::Value MappedRowsWrap::row_count(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(rows_->rows()));
}

Napi::Value MappedRowsWrap::type(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), rows_->format().type == RowFormat::Type::kUint8 ? "uint8" : "float32");
}

Napi::Value MappedRowsWrap::read(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const int64_t row = to_integer(info[0], "row", 0);
    const RowFormat& format = rows_->format();
    if (row >= rows_->rows()) throw Error("INVALID_ARGUMENT", "row must be below " + std::to_string(rows_->rows()));
    const auto size = static_cast<size_t>(format.size);
    const auto fill = [&](auto array) {
      rows_->copy(row, array.Data());
      rows_->check();
      return array;
    };
    if (format.type == RowFormat::Type::kUint8) return fill(Napi::Uint8Array::New(info.Env(), size));
    return fill(Napi::Float32Array::New(info.Env(), size));
  });
}

}  // namespace gradloom
