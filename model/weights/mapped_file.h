#pragma once

#include <cstddef>
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

  // Says that `range`, a part of bytes(), will hardly be read again: its pages leave this process's
  // memory. What it holds stays the same; reading it again costs a page fault.
  void Release(std::span<const std::byte> range) const;

 private:
  MappedFile(const std::byte* data, std::size_t size) : data_(data), size_(size) {}

  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace cascade::model
