// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "absl/status/statusor.h"

namespace cascade::model {

// Maps the whole file. Move-only; the destructor unmaps it.
class MappedFile {
 public:
  // NOT_FOUND, PERMISSION_DENIED or INVALID_ARGUMENT (a folder, an empty file), with the path.
  static absl::StatusOr<MappedFile> Open(const std::string& path);

  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  // Valid while this object lives. No process may truncate the file meanwhile, or reading it would
  // end this process: replace weight files by renaming, never in place.
  std::span<const std::byte> bytes() const { return {data_, size_}; }

  // The file's modification time, in nanoseconds since 1970.
  std::int64_t modified_ns() const { return modified_ns_; }

  // Tells the system that all of the file will be read once, from front to back, starting now.
  void WillBeReadOnce() const;

  // Tells the system that all of the file will be read again and again, at several positions.
  void WillBeReadOften() const;

  // Tells the system that `range`, a part of bytes(), will hardly be read again: its pages leave
  // this process's memory. The contents stay the same; reading them again costs a page fault.
  void Release(std::span<const std::byte> range) const;

 private:
  MappedFile(const std::byte* data, std::size_t size, std::int64_t modified_ns)
      : data_(data), size_(size), modified_ns_(modified_ns) {}

  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::int64_t modified_ns_ = 0;
};

}  // namespace cascade::model
