// SPDX-License-Identifier: Apache-2.0

#include "model/kernels/element_types.h"

namespace cascade::model::kernels {

std::size_t BytesPerElement(ElementType type) { return type == ElementType::kF32 ? 4 : 2; }

std::string_view Name(ElementType type) { return Name(ExactWeightType(type)); }

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
