// SPDX-License-Identifier: Apache-2.0

#include "model/weights/packed_file.h"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace cascade::model {
namespace {

constexpr std::size_t kHashBytes = 16;

std::size_t PieceCount(std::size_t bytes) { return (bytes + kPackedPiece - 1) / kPackedPiece; }

std::span<const std::byte> Piece(std::span<const std::byte> data, std::size_t i) {
  const std::size_t begin = i * kPackedPiece;
  return data.subspan(begin, std::min(kPackedPiece, data.size() - begin));
}

using Hash = std::array<std::byte, kHashBytes>;

Hash HashOf(std::span<const std::byte> bytes) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits(bytes.data(), bytes.size()));
  Hash hash;
  std::memcpy(hash.data(), canonical.digest, hash.size());
  return hash;
}

bool IsHash(std::span<const std::byte> hashes, std::size_t i, const Hash& hash) {
  return std::memcmp(hashes.data() + i * kHashBytes, hash.data(), kHashBytes) == 0;
}

}  // namespace

void PackedHashes::Add(std::span<const std::byte> piece) {
  const Hash hash = HashOf(piece);
  hashes_.insert(hashes_.end(), hash.begin(), hash.end());
}

std::vector<std::byte> PackedHashes::Finish() {
  Add(hashes_);
  return std::move(hashes_);
}

std::size_t PackedHashes::BytesFor(std::size_t data_bytes) {
  return (PieceCount(data_bytes) + 2) * kHashBytes;
}

absl::StatusOr<PackedFile> PackedFile::Parse(std::span<const std::byte> bytes,
                                             absl::string_view file) {
  PackedFile packed;
  packed.file_ = std::string(file);
  absl::StatusOr<StoredTensors> tensors = ParseSafetensors(bytes, file, &packed.metadata_);
  if (!tensors.ok()) return tensors.status();
  packed.tensors_ = *std::move(tensors);
  const auto malformed = [file](absl::string_view expected) {
    return absl::InvalidArgumentError(
        absl::StrCat(file, ": no file of packed weights: expected ", expected));
  };
  if (packed.MetadataOf(kPackedFormatKey) != kPackedFormat) {
    return malformed(absl::StrCat(kPackedFormatKey, " ", kPackedFormat));
  }
  const auto hashes = packed.tensors_.find(kPackedHashes);
  if (hashes == packed.tensors_.end()) return malformed(kPackedHashes);
  packed.hashes_ = hashes->second.bytes;

  // ParseSafetensors checked that the tensors cover everything after the header without a hole.
  const std::byte* begin = packed.hashes_.data();
  for (const auto& [name, tensor] : packed.tensors_) {
    begin = std::min(begin, tensor.bytes.data());
    const auto at = static_cast<std::size_t>(tensor.bytes.data() - bytes.data());
    if (tensor.dtype != "U8" || at % kPackedAlignment != 0) {
      return malformed(absl::StrCat("whole blocks of ", kPackedAlignment, " bytes of U8"));
    }
  }
  const auto header_bytes = static_cast<std::size_t>(begin - bytes.data());
  packed.header_ = bytes.first(header_bytes);
  packed.data_ =
      bytes.subspan(header_bytes, static_cast<std::size_t>(packed.hashes_.data() - begin));
  if (packed.hashes_.data() + packed.hashes_.size() != bytes.data() + bytes.size() ||
      packed.hashes_.size() != PackedHashes::BytesFor(packed.data_.size())) {
    return malformed(absl::StrCat(kPackedHashes, " of all pieces at the end"));
  }
  return packed;
}

absl::Status PackedFile::Verify(Executor& executor) const {
  const auto damaged = [this](absl::string_view what) {
    return absl::DataLossError(
        absl::StrCat(file_, ": damaged: ", what, " is not what was written"));
  };
  const std::size_t pieces = PieceCount(data_.size());
  const auto all_but_last = hashes_.first((pieces + 1) * kHashBytes);
  if (!IsHash(hashes_, pieces + 1, HashOf(all_but_last))) return damaged("the list of hashes");
  if (!IsHash(hashes_, 0, HashOf(header_))) return damaged("the header");
  // Not bool: a vector packs eight of them into a byte, which several threads would write.
  std::vector<std::uint8_t> is_right(pieces, 0);
  executor.ForRanges(pieces, 1, [&](IndexRange range) {
    for (std::size_t i = range.begin; i < range.end; ++i) {
      is_right[i] = IsHash(hashes_, i + 1, HashOf(Piece(data_, i))) ? 1 : 0;
    }
  });
  const auto wrong = std::find(is_right.begin(), is_right.end(), 0);
  if (wrong == is_right.end()) return absl::OkStatus();
  const auto piece = static_cast<std::size_t>(wrong - is_right.begin());
  return damaged(absl::StrCat(Piece(data_, piece).size(), " bytes from byte ",
                              header_.size() + piece * kPackedPiece, " on"));
}

absl::StatusOr<std::span<const std::byte>> PackedFile::Find(absl::string_view name,
                                                            std::size_t size) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end() || found->second.bytes.size() != Aligned(size)) {
    return absl::InvalidArgumentError(
        absl::StrCat(file_, ": expected ", Aligned(size), " bytes of tensor \"", name, "\", found ",
                     found == tensors_.end() ? "none" : absl::StrCat(found->second.bytes.size())));
  }
  return found->second.bytes.first(size);
}

absl::string_view PackedFile::MetadataOf(absl::string_view key) const {
  const auto found = metadata_.find(key);
  return found == metadata_.end() ? absl::string_view() : absl::string_view(found->second);
}

}  // namespace cascade::model
