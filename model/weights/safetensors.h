// SPDX-License-Identifier: Apache-2.0
// The safetensors file format: an 8-byte little-endian header length, a JSON header that maps each
// tensor's name to {dtype, shape, data_offsets}, then the data.
// Reference: the format description of huggingface/safetensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/weights/mapped_file.h"

namespace cascade::model {

// One tensor inside a file. Borrows the file's bytes.
struct StoredTensor {
  std::string dtype;  // as written: "F32", "F16", "BF16", "U8", ...
  std::vector<std::size_t> shape;
  std::span<const std::byte> bytes;  // row-major, little-endian, any alignment
};

using StoredTensors = absl::flat_hash_map<std::string, StoredTensor>;
using Metadata = absl::flat_hash_map<std::string, std::string>;  // of the header's "__metadata__"

// Parses a whole file's bytes; `file` is its name, for messages. The tensors borrow `bytes`.
// INVALID_ARGUMENT, naming the file, the tensor and what was expected, if anything is malformed:
// header length past the end or above 100 MB, header not the expected JSON, unknown dtype, a shape
// whose product overflows or does not match its offsets, offsets that run past the end, overlap, or
// leave holes, a name twice. Adds what the header says of the file as a whole to `metadata`, unless
// that is null.
absl::StatusOr<StoredTensors> ParseSafetensors(std::span<const std::byte> bytes,
                                               absl::string_view file,
                                               Metadata* metadata = nullptr);

}  // namespace cascade::model
