// SPDX-License-Identifier: Apache-2.0
// The types of elements that weights may be stored in: one table, one row for each type.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "model/kernels/element_types.h"

namespace cascade::model {

// How many elements are not what a weight should be.
struct ElementCounts {
  std::size_t nans = 0;
  std::size_t infinities = 0;  // of F64, also those beyond the range of F32
  std::size_t beyond_f16 = 0;  // finite, but infinite once rounded to float16

  ElementCounts& operator+=(const ElementCounts& other) {
    nans += other.nans;
    infinities += other.infinities;
    beyond_f16 += other.beyond_f16;
    return *this;
  }
};

// How a weight file stores the elements of a tensor. Bytes have any alignment; there are a multiple
// of element_bytes of them.
struct StoredType {
  absl::string_view name;     // StoredTensor::dtype
  std::size_t element_bytes;  // of one element
  kernels::ElementType type;  // the type in memory that holds every element exactly; F64: kF32

  // The elements as floats: exactly, or F64's rounded to nearest.
  std::vector<float> (*widen)(std::span<const std::byte> bytes);

  ElementCounts (*count)(std::span<const std::byte> bytes);

  // True if the elements lie in the file as they do in memory, and need not be widened first.
  bool is_as_in_memory() const { return element_bytes == kernels::BytesPerElement(type); }
};

// The row of that name; null if weights cannot be stored so.
const StoredType* FindStoredType(absl::string_view dtype);

// The names of all rows, for a message: "F32, F16, BF16 or F64".
std::string StoredTypeNames();

}  // namespace cascade::model
