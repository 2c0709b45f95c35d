// SPDX-License-Identifier: Apache-2.0

#include "tests/support/safetensors_writer.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "model/kernels/float_bits.h"
#include "model/weights/gpt2_tensors.h"
#include "model/weights/gpt2_weights.h"

namespace cascade::testing {
namespace {

using model::kernels::ElementType;

template <typename T>
void Append(T value, std::string& bytes) {
  char raw[sizeof(T)];
  std::memcpy(raw, &value, sizeof(T));
  bytes.append(raw, sizeof(T));
}

// Multiples of 1/64 in [-1, 1): exact in every weight type.
float ArbitraryValue(std::size_t tensor, std::size_t i) {
  return static_cast<float>((tensor * 37 + i * 29) % 128) / 64.0F - 1.0F;
}

}  // namespace

std::string Safetensors(const std::vector<TensorSpec>& tensors) {
  std::vector<std::string> entries;
  std::string data;
  for (const TensorSpec& tensor : tensors) {
    const auto [begin, end] = tensor.claimed_offsets.value_or(
        std::pair<std::uint64_t, std::uint64_t>(data.size(), data.size() + tensor.bytes.size()));
    entries.push_back(absl::StrCat("\"", tensor.name, "\":{\"dtype\":\"", tensor.dtype,
                                   "\",\"shape\":[", absl::StrJoin(tensor.shape, ","),
                                   "],\"data_offsets\":[", begin, ",", end, "]}"));
    data += tensor.bytes;
  }
  return RawSafetensors(absl::StrCat("{", absl::StrJoin(entries, ","), "}"), data);
}

std::string RawSafetensors(absl::string_view header, absl::string_view data) {
  return RawSafetensors(header.size(), header, data);
}

std::string RawSafetensors(std::uint64_t header_length, absl::string_view header,
                           absl::string_view data) {
  std::string file;
  Append(header_length, file);
  absl::StrAppend(&file, header, data);
  return file;
}

std::string DtypeOf(ElementType type) {
  if (type == ElementType::kF32) return "F32";
  return type == ElementType::kBf16 ? "BF16" : "F16";
}

std::string StoredBytes(std::span<const float> values, ElementType type) {
  std::string bytes;
  for (const float value : values) {
    if (type == ElementType::kF32) {
      Append(value, bytes);
    } else if (type == ElementType::kBf16) {
      Append(model::kernels::Bf16FromFloat(value), bytes);
    } else {
      Append(model::kernels::F16FromFloat(value), bytes);
    }
  }
  return bytes;
}

std::vector<TensorSpec> Gpt2TensorSpecs(const model::ModelConfig& config, ElementType type,
                                        absl::string_view prefix) {
  model::Gpt2Weights places;
  std::vector<TensorSpec> specs;
  for (const model::Gpt2Tensor& row : model::Gpt2Tensors(config, places)) {
    std::vector<float> values(row.ElementCount());
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = ArbitraryValue(specs.size(), i);
    specs.push_back({.name = absl::StrCat(prefix, row.name),
                     .dtype = DtypeOf(type),
                     .shape = row.shape,
                     .bytes = StoredBytes(values, type)});
  }
  return specs;
}

}  // namespace cascade::testing
