// SPDX-License-Identifier: Apache-2.0
// A model's weight files, of whatever format, seen as one set of named tensors.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/weights/mapped_file.h"
#include "model/weights/stored_tensor.h"

namespace cascade::model {

// Keeps the files mapped while it lives. The reader of a format maps them and adds their tensors.
class WeightFiles {
 public:
  struct Entry {
    StoredTensor tensor;
    std::size_t file = 0;  // index of the file that it lies in
  };

  // By canonical name: Hugging Face's, without the prefix "transformer." that GPT2LMHeadModel adds.
  using Entries = absl::btree_map<std::string, Entry>;

  // `name` names them all together in messages: the path of their folder.
  explicit WeightFiles(std::string name) : name_(std::move(name)) {}

  // Maps a file. Its bytes are valid as long as this object, or the one that it was moved to.
  // Errors as MappedFile::Open.
  absl::StatusOr<std::span<const std::byte>> Map(const std::string& path);

  // Adds a tensor of the file that was mapped last. False if there is one of that name.
  bool TryAdd(absl::string_view name, StoredTensor tensor);

  const std::string& name() const { return name_; }

  // Null if no file has it.
  const Entry* Find(absl::string_view name) const;

  const Entries& entries() const { return entries_; }  // in the order of their names
  const std::string& PathOf(const Entry& entry) const { return files_[entry.file].path; }
  std::size_t bytes() const;  // of all files together

  // One line for each file, with its name, size and time of change: what tells the files from
  // others without reading them.
  std::string Stamp() const;

  // Tells the system that all tensors will be read now.
  void WillBeRead() const;

  // Gives back the memory that a tensor's bytes took when they were read.
  void Release(const Entry& entry) const;

 private:
  struct File {
    std::string path;
    MappedFile mapped;
  };

  std::string name_;
  std::vector<File> files_;
  Entries entries_;  // borrow the files
};

}  // namespace cascade::model
