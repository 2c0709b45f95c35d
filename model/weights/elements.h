// SPDX-License-Identifier: Apache-2.0
// What the elements of a stored tensor are, where they are not packed.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "absl/strings/string_view.h"
#include "model/kernels/element_types.h"

namespace cascade::model {

// The element type that safetensors calls "F32", "F16" or "BF16"; nothing for any other dtype.
std::optional<kernels::ElementType> ElementTypeOf(absl::string_view dtype);

// The elements as floats, exactly. REQUIRES: bytes.size() is a multiple of BytesPerElement(type).
std::vector<float> Widen(std::span<const std::byte> bytes, kernels::ElementType type);

// How many elements are NaN. REQUIRES: as Widen.
std::size_t CountNaNs(std::span<const std::byte> bytes, kernels::ElementType type);

}  // namespace cascade::model
