// SPDX-License-Identifier: Apache-2.0
// A file of packed weights, in the layout that the kernels read: the file's bytes are used
// without conversion.
//
// It is a safetensors file, so that the usual tools can show its contents:
//   __metadata__      "cascade.format": kPackedFormat; and the writer's own entries
//   <name>            each tensor's bytes, as U8, in the writer's order, followed by zeros up to a
//                     multiple of kPackedAlignment. The header has such a length too, so that each
//                     tensor begins aligned
//   cascade.hashes    U8, last: XXH3-128 of all bytes before the first tensor, of each kPackedPiece
//                     bytes of the tensors together, and of these hashes
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

// A size with the zeros that follow it.
constexpr std::size_t Aligned(std::size_t bytes) {
  return (bytes + kPackedAlignment - 1) / kPackedAlignment * kPackedAlignment;
}

// Makes the contents of the tensor kPackedHashes, piece by piece.
class PackedHashes {
 public:
  // Adds the hash of all bytes before the first tensor; then of each kPackedPiece bytes of the
  // tensors, and of what is left at their end.
  void Add(std::span<const std::byte> piece);

  // The hashes, and the hash of them all.
  std::vector<std::byte> Finish();

  // How many bytes that are, for so many bytes of tensors.
  static std::size_t BytesFor(std::size_t data_bytes);

 private:
  std::vector<std::byte> hashes_;
};

// A packed file that was parsed. Borrows the file's bytes.
class PackedFile {
 public:
  // Checks the file's form; `file` is its name, for messages. INVALID_ARGUMENT, naming the file, if
  // it is not a packed file. Does not read the tensors' contents: Verify does.
  static absl::StatusOr<PackedFile> Parse(std::span<const std::byte> bytes, absl::string_view file);

  // DATA_LOSS, naming the file, unless every byte is as it was written. Reads the whole file, in
  // parallel.
  absl::Status Verify(Executor& executor) const;

  // The first `size` bytes of a tensor, aligned. INVALID_ARGUMENT, naming file and tensor, unless
  // the file has that tensor and the tensor has that size with the zeros that follow it.
  absl::StatusOr<std::span<const std::byte>> Find(absl::string_view name, std::size_t size) const;

  // The entry `key` of the file's metadata; empty if there is none.
  absl::string_view MetadataOf(absl::string_view key) const;

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
