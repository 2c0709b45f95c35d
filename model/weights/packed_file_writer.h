// SPDX-License-Identifier: Apache-2.0
// Writes a file of packed weights (packed_file.h): the whole file, or no file at all.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

namespace cascade::model {

// Lock, then Begin, Append for each tensor, Finish.
//
// Holds a lock on the file that it writes, so that one process writes at a time; the system frees
// the lock when the process ends, however it ends. The file is written as "<path>.tmp" and then
// renamed. A ".tmp" file that a killed process left behind is overwritten by the next writer.
class PackedFileWriter {
 public:
  // Takes the lock, after waiting for a process that is writing the same file: the file may be
  // there when this returns. An error, naming the path, if the folder cannot be written.
  static absl::StatusOr<PackedFileWriter> Lock(const std::string& path);

  PackedFileWriter(PackedFileWriter&& other) noexcept;
  PackedFileWriter& operator=(PackedFileWriter&&) = delete;
  ~PackedFileWriter();  // removes the file unless Finish succeeded

  // `names` are the tensors that will be written, in any order.
  absl::Status Begin(const std::vector<std::string>& names);

  absl::Status Append(absl::string_view name, std::span<const std::byte> bytes);

  // Writes the header with this metadata, waits until all of the file is on the disk, and renames
  // it: readers find the old file or the new one, never a part. Gives the lock back.
  absl::Status Finish(const std::map<std::string, std::string>& metadata);

 private:
  PackedFileWriter(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  std::string TemporaryPath() const { return path_ + ".tmp"; }
  absl::Status Error(absl::string_view action) const;
  absl::Status WriteAt(std::size_t offset, std::span<const std::byte> bytes) const;
  absl::StatusOr<std::string> Header(const std::map<std::string, std::string>& metadata);
  absl::Status WriteHeaderAndHashes(const std::string& header) const;
  absl::Status Publish();

  std::string path_;
  int fd_ = -1;
  std::size_t header_bytes_ = 0;  // reserved at the beginning of the file
  std::size_t data_bytes_ = 0;    // of tensors, so far
  nlohmann::json entries_;        // of the header
};

}  // namespace cascade::model
