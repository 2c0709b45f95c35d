#include "model/kernels/element_types.h"

#include <cassert>

namespace cascade::model::kernels {

std::size_t BytesPerWeight(WeightType type) {
  assert(type != WeightType::kInt8 && type != WeightType::kInt4);
  return type == WeightType::kF32 ? 4 : 2;
}

std::string_view Name(WeightType type) {
  switch (type) {
    case WeightType::kF32:
      return "f32";
    case WeightType::kBf16:
      return "bf16";
    case WeightType::kF16:
      return "f16";
    case WeightType::kInt8:
      return "int8";
    case WeightType::kInt4:
      return "int4";
  }
  return "";
}

std::size_t BytesPerElement(KvType type) { return type == KvType::kF32 ? 4 : 2; }

std::string_view Name(KvType type) {
  switch (type) {
    case KvType::kF32:
      return "f32";
    case KvType::kBf16:
      return "bf16";
    case KvType::kF16:
      return "f16";
  }
  return "";
}

}  // namespace cascade::model::kernels
