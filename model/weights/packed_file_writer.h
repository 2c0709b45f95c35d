// SPDX-License-Identifier: Apache-2.0
// Makes a file of packed weights (packed_file.h): whole, or not at all.
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
// Holds the right to write one file, which one process has at a time and gives back by its end,
// however that comes. The file is written beside its place, with ".tmp" behind its name; what a
// process that was killed left there, the next one takes over.
class PackedFileWriter {
 public:
  // Waits for a process that is writing the same file: it may be there when this returns. An
  // error, naming the path, if the folder cannot be written.
  static absl::StatusOr<PackedFileWriter> Lock(const std::string& path);

  PackedFileWriter(PackedFileWriter&& other) noexcept;
  PackedFileWriter& operator=(PackedFileWriter&&) = delete;
  ~PackedFileWriter();  // leaves nothing behind that was not finished

  // `names` are the tensors that will be written, in any order.
  absl::Status Begin(const std::vector<std::string>& names);

  absl::Status Append(absl::string_view name, std::span<const std::byte> bytes);

  // Adds what is said of them all, and gives the file its name once all of it is on the disk:
  // readers find the old one or this one, never a part.
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
  std::size_t data_bytes_ = 0;    // behind them, so far
  nlohmann::json entries_;        // of the header
  bool published_ = false;
};

}  // namespace cascade::model
