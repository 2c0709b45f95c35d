// SPDX-License-Identifier: Apache-2.0

#include "model/kernels/element_types.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_join.h"

namespace cascade::model::kernels {

std::size_t BytesPerElement(ElementType type) { return type == ElementType::kF32 ? 4 : 2; }

std::string_view Name(ElementType type) { return Name(ExactWeightType(type)); }

std::string_view Name(KvType type) {
  switch (type) {
    case KvType::kF32:
      return "f32";
    case KvType::kBf16:
      return "bf16";
    case KvType::kF16:
      return "f16";
    case KvType::kInt8:
      return "int8";
  }
  return "";
}

std::string_view Name(ActivationType type) {
  switch (type) {
    case ActivationType::kF32:
      return "f32";
    case ActivationType::kInt8:
      return "int8";
    case ActivationType::kInt16:
      return "int16";
  }
  return "";
}

bool IsSupported(const Precision& precision) {
  return std::ranges::count(kPrecisions, precision) > 0;
}

std::string WeightsBeside(ActivationType activations) {
  std::vector<std::string> names;
  for (const Precision& precision : kPrecisions) {
    if (precision.activations == activations) names.emplace_back(Name(precision.weights));
  }
  return absl::StrJoin(names, " or ");
}

std::string Name(const Precision& precision) {
  std::string name(Name(precision.weights));
  if (precision.activations == ActivationType::kF32) return name;
  return name.append("x").append(Name(precision.activations));
}

WeightType ExactWeightType(ElementType type) {
  switch (type) {
    case ElementType::kF32:
      return WeightType::kF32;
    case ElementType::kBf16:
      return WeightType::kBf16;
    case ElementType::kF16:
      return WeightType::kF16;
  }
  return WeightType::kF32;
}

}  // namespace cascade::model::kernels
