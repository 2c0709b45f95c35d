// SPDX-License-Identifier: Apache-2.0
// A tensor of a weight file, whatever the file's format.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace cascade::model {

// Borrows the file's bytes, or the addresses at which they will be (WeightFiles::Read).
struct StoredTensor {
  std::string dtype;  // the elements' type as the file calls it: "F32", "F16", "BF16", "U8", ...
  std::vector<std::size_t> shape;    // slowest first
  std::span<const std::byte> bytes;  // row-major, little-endian, any alignment
};

// By name. Not Abseil's map, which must not be destroyed after an insertion that found no memory.
using StoredTensors = std::map<std::string, StoredTensor, std::less<>>;

}  // namespace cascade::model
