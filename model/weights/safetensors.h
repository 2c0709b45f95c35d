// SPDX-License-Identifier: Apache-2.0
// The safetensors file format: an 8-byte little-endian header length, a JSON header that maps each
// tensor's name to {dtype, shape, data_offsets}, then the data.
// Reference: the format description of huggingface/safetensors.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/weights/stored_tensor.h"

namespace cascade::model {

class FileMemory;

// The entries of the header's "__metadata__": what a writer says of the file as a whole.
using Metadata = std::map<std::string, std::string, std::less<>>;

// Reads the part of a file that ParseSafetensors looks at: the header. Errors as FileMemory::Read.
absl::Status ReadSafetensorsHeader(const FileMemory& file);

// Parses a whole file's bytes, of which only the header need be in memory; `file` is its name, for
// messages. The tensors borrow `bytes`. INVALID_ARGUMENT, naming the file, the tensor and what was
// expected, if anything is malformed: header length past the end or above 100 MB, header not the
// expected JSON, unknown dtype, a shape whose product overflows or does not match its offsets,
// offsets that run past the end, overlap, or leave holes, a name twice. Adds the entries of the
// header's __metadata__ to `metadata`, unless that is null.
absl::StatusOr<StoredTensors> ParseSafetensors(std::span<const std::byte> bytes,
                                               absl::string_view file,
                                               Metadata* metadata = nullptr);

}  // namespace cascade::model
