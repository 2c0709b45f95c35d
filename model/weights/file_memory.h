// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace cascade::model {

// A file's contents in memory, at addresses that stay the same: as copies of the parts that were
// read, or, once Share succeeded, as a mapping that all processes of a machine share.
//
// Nothing that another process does to the file ends this process or changes bytes unnoticed. A
// plain mapping cannot promise that: reading it after the file was truncated raises SIGBUS, and
// what is written to the file appears in it. Hence the copies. A shared mapping lives under a lease
// (fcntl, F_SETLEASE): the system makes a process that opens the file for writing wait, 45 seconds
// unless the machine is set otherwise, until the lease is given back; MakePrivate does that. A file
// that is replaced by renaming is another file, and is no concern of this object.
//
// Move-only. const calls from any thread, but not Read and Release of overlapping ranges; the
// others are one thread's at a time, while other threads may read bytes().
class FileMemory {
 public:
  // Opens the file; reads nothing. NOT_FOUND, PERMISSION_DENIED or INVALID_ARGUMENT (a folder, an
  // empty file), with the path.
  static absl::StatusOr<FileMemory> Open(const std::string& path);

  FileMemory(FileMemory&& other) noexcept;
  FileMemory& operator=(FileMemory&& other) noexcept;
  ~FileMemory();

  // The addresses of all of the file, valid while this object lives. What was not read, or was
  // released, is zero.
  std::span<const std::byte> bytes() const { return {data_, size_}; }

  // The file's modification time when it was opened, in nanoseconds since 1970.
  std::int64_t modified_ns() const { return modified_ns_; }

  // Tells the system that all of the file will be read now.
  void WillBeRead() const;

  // Copies the file's bytes to `range`, a part of bytes(). DATA_LOSS, naming the file, if the file
  // has become shorter; UNAVAILABLE or another error if the system cannot read it. REQUIRES: not
  // shared.
  absl::Status Read(std::span<const std::byte> range) const;

  // Gives back the memory of `range`, a part of bytes(). REQUIRES: not shared.
  void Release(std::span<const std::byte> range) const;

  // DATA_LOSS, naming the file, if the file was written or truncated since it was opened: the
  // parts that were read may then be of different contents.
  absl::Status CheckUnchanged() const;

  // Maps all of the file, shared with other processes. FAILED_PRECONDITION, with the reason, if the
  // system gives no lease: a process has the file open for writing, another user owns the file, or
  // the file system knows no leases. After an error this object is as it was. Call WriterWaits
  // every few seconds from then on.
  absl::Status Share();

  // True if the file is shared, and a process waits to write it.
  bool WriterWaits() const;

  // Replaces the shared mapping by a copy in this process's memory, at the same addresses and
  // without a moment in which they cannot be read, and lets the waiting process write. An error, if
  // there is no memory for the copy, the file cannot be read, or it has been written already: then
  // bytes() must no longer be used.
  absl::Status MakePrivate();

 private:
  FileMemory(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  absl::Status Error(int error, absl::string_view action) const;
  absl::Status CopyTo(std::byte* to, std::span<const std::byte> range) const;

  std::string path_;
  int fd_ = -1;
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::int64_t modified_ns_ = 0;
  bool shared_ = false;
};

}  // namespace cascade::model
