// SPDX-License-Identifier: Apache-2.0
// The weight files of a Hugging Face folder, seen as one set of named tensors.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/weights/mapped_file.h"
#include "model/weights/safetensors.h"

namespace cascade::model {

// Keeps the files mapped while it lives.
class WeightFiles {
 public:
  struct Entry {
    StoredTensor tensor;
    std::size_t file = 0;  // which of the files it lies in
  };

  // By canonical name: Hugging Face's, without the prefix "transformer." that GPT2LMHeadModel adds.
  using Entries = absl::btree_map<std::string, Entry>;

  // Opens `folder`/model.safetensors, or else the shards that `folder`/model.safetensors.index.json
  // names. NOT_FOUND if there is neither; INVALID_ARGUMENT, naming file and tensor, if a file is
  // malformed, a shard or a tensor in it is missing, or two names are the same but for the prefix.
  static absl::StatusOr<WeightFiles> Open(const std::string& folder);

  // Null if no file has it.
  const Entry* Find(absl::string_view name) const;

  const Entries& entries() const { return entries_; }  // in the order of their names
  const std::string& PathOf(const Entry& entry) const { return files_[entry.file].path; }
  std::size_t bytes() const;  // of all files together

  // One line a file: what tells it from another without reading it (name, size, time of change).
  std::string Stamp() const;

  // Says that all tensors will be read now.
  void WillBeRead() const;

  // Lets go of the memory that a tensor's bytes took when they were read.
  void Release(const Entry& entry) const;

 private:
  struct File {
    std::string path;
    MappedFile mapped;
  };

  absl::StatusOr<StoredTensors> Map(const std::string& path);
  absl::Status AddSingle(const std::string& path);
  absl::Status AddShards(const std::string& folder, const std::string& index_path);
  absl::Status AddEntry(absl::string_view name, StoredTensor tensor);

  std::vector<File> files_;
  Entries entries_;  // borrow the files
};

}  // namespace cascade::model
