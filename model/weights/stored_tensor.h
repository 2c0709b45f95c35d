// SPDX-License-Identifier: Apache-2.0
// A tensor of a weight file, whatever the file's format.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"

namespace cascade::model {

// Borrows the file's bytes.
struct StoredTensor {
  std::string dtype;  // the elements' type as the file calls it: "F32", "F16", "BF16", "U8", ...
  std::vector<std::size_t> shape;    // slowest first
  std::span<const std::byte> bytes;  // row-major, little-endian, any alignment
};

using StoredTensors = absl::flat_hash_map<std::string, StoredTensor>;  // by name

}  // namespace cascade::model
