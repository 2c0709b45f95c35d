// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "absl/status/statusor.h"

namespace cascade::model {

// A whole file, mapped read-only. Move-only; unmapped by the destructor.
class MappedFile {
 public:
  // NOT_FOUND, PERMISSION_DENIED or INVALID_ARGUMENT (a folder, an empty file), with the path.
  static absl::StatusOr<MappedFile> Open(const std::string& path);

  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  // Valid while this object lives. The file must not be truncated meanwhile by others: replace
  // weight files by renaming, never in place.
  std::span<const std::byte> bytes() const { return {data_, size_}; }

  // When the contents last changed, in nanoseconds since 1970, as the file system has it.
  std::int64_t modified_ns() const { return modified_ns_; }

  // Says that all of it will be read once, from front to back, starting now.
  void WillBeReadOnce() const;

  // Says that all of it will be read again and again, from several places.
  void WillBeReadOften() const;

  // Says that `range`, a part of bytes(), will hardly be read again: its pages leave this process's
  // memory. What it holds stays the same; reading it again costs a page fault.
  void Release(std::span<const std::byte> range) const;

 private:
  MappedFile(const std::byte* data, std::size_t size, std::int64_t modified_ns)
      : data_(data), size_(size), modified_ns_(modified_ns) {}

  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::int64_t modified_ns_ = 0;
};

}  // namespace cascade::model
