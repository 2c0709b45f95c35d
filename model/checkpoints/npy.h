// SPDX-License-Identifier: Apache-2.0
// Arrays in the format of numpy.save.
//
// Reference: numpy.lib.format, version 1.0: the magic bytes, the version, the length of a header,
// the header (a Python dictionary as text), the elements.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace cascade::model {

enum class NpyType : std::uint8_t {
  kFloat32,  // '<f4'
  kInt32,    // '<i4'
};

// Borrows the file's bytes.
struct NpyArray {
  NpyType type;
  std::vector<std::size_t> shape;  // slowest first; 1 to 8 dimensions, none of them 0
  absl::string_view elements;      // 4 bytes each, little-endian, as many as the shape says
};

// Parses a whole file, of which nothing is taken for granted. `name` is the file's name, for
// messages. INVALID_ARGUMENT, naming the file and what was expected, for anything but a
// little-endian float32 or int32 array in C order whose elements fill the file exactly.
absl::StatusOr<NpyArray> ParseNpy(absl::string_view file, absl::string_view name);

}  // namespace cascade::model
