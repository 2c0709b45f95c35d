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

// How a weight file stores the elements of a tensor. Bytes have any alignment; there are a multiple
// of element_bytes of them.
struct StoredType {
  absl::string_view name;     // StoredTensor::dtype
  std::size_t element_bytes;  // of one element
  kernels::ElementType type;  // the type in memory that holds every element exactly

  // The elements as floats, exactly.
  std::vector<float> (*widen)(std::span<const std::byte> bytes);

  // How many elements are NaN.
  std::size_t (*count_nans)(std::span<const std::byte> bytes);
};

// The row of that name; null if weights cannot be stored so.
const StoredType* FindStoredType(absl::string_view dtype);

// The names of all rows, for a message: "F32, F16 or BF16".
std::string StoredTypeNames();

}  // namespace cascade::model
