// SPDX-License-Identifier: Apache-2.0
// A file of packed weights, as they lie in memory: it is mapped and used as it is.
//
// It is a safetensors file, so that the usual tools can look into it:
//   __metadata__      "cascade.format": kPackedFormat; what else the writer says
//   <name>            for each tensor in the writer's order its bytes, as U8, with zeros up to a
//                     multiple of kPackedAlignment; so is the header, so that each begins aligned
//   cascade.hashes    U8, last: XXH3-128 of all before the first tensor, of each kPackedPiece of
//                     the tensors together, and of these hashes
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/executor.h"
#include "model/weights/safetensors.h"

namespace cascade::model {

inline constexpr absl::string_view kPackedFormat = "1";
inline constexpr absl::string_view kPackedFormatKey = "cascade.format";
inline constexpr absl::string_view kPackedHashes = "cascade.hashes";
inline constexpr std::size_t kPackedAlignment = 4096;
inline constexpr std::size_t kPackedPiece = std::size_t{4} << 20;

// A size with the zeros behind it.
constexpr std::size_t Aligned(std::size_t bytes) {
  return (bytes + kPackedAlignment - 1) / kPackedAlignment * kPackedAlignment;
}

// The contents of kPackedHashes for a file's header and data, and their size.
std::vector<std::byte> PackedHashesOf(std::span<const std::byte> header,
                                      std::span<const std::byte> data);
std::size_t PackedHashesBytes(std::size_t data_bytes);

// One that was read. Borrows the file's bytes.
class PackedFile {
 public:
  // Checks the form; `file` is its name, for messages. INVALID_ARGUMENT, naming it, if it is not
  // such a file. What the tensors hold has not been looked at: Verify.
  static absl::StatusOr<PackedFile> Parse(std::span<const std::byte> bytes, absl::string_view file);

  // DATA_LOSS, naming the file, unless every byte is what was written. Reads all of it, in
  // parallel.
  absl::Status Verify(Executor& executor) const;

  // The first `size` bytes of a tensor, aligned. INVALID_ARGUMENT, naming file and tensor, unless
  // there is one of that size.
  absl::StatusOr<std::span<const std::byte>> Find(absl::string_view name, std::size_t size) const;

  // What the writer said; empty if it did not.
  absl::string_view Said(absl::string_view key) const;

 private:
  PackedFile() = default;

  std::string file_;
  Metadata metadata_;
  StoredTensors tensors_;
  std::span<const std::byte> header_;  // all before the first tensor
  std::span<const std::byte> data_;    // all tensors but the hashes
  std::span<const std::byte> hashes_;
};

}  // namespace cascade::model
