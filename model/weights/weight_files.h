// SPDX-License-Identifier: Apache-2.0
// A model's weight files, of whatever format, seen as one set of named tensors.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/weights/file_memory.h"
#include "model/weights/stored_tensor.h"

namespace cascade::model {

// Keeps the files open while it lives. The reader of a format opens them and adds their tensors.
// The bytes of a tensor are in memory between Read and Release.
class WeightFiles {
 public:
  struct Entry {
    StoredTensor tensor;
    std::size_t file = 0;  // index of the file that it lies in
  };

  // By name: at first the file's own; once the folder is open (safetensors_folder.h), Hugging
  // Face's without the prefix "transformer." that GPT2LMHeadModel adds.
  using Entries = std::map<std::string, Entry, std::less<>>;

  // `name` names them all together in messages: the path of their folder.
  explicit WeightFiles(std::string name) : name_(std::move(name)) {}

  // Opens a file. The result is valid until the next call. Errors as FileMemory::Open.
  absl::StatusOr<const FileMemory*> Open(const std::string& path);

  // Adds a tensor of the file that was opened last. False if there is one of that name.
  bool TryAdd(absl::string_view name, StoredTensor tensor);

  // Keeps the reason why there is no tensor of that name, though there should be one: matters only
  // if the tensor is needed.
  void NoteAbsent(absl::string_view name, std::string reason);

  // Gives each tensor, and each absent one, the name that `new_name` makes of its own.
  // INVALID_ARGUMENT, naming the file and the tensor, if two get the same name; then what was added
  // is lost.
  absl::Status Rename(absl::FunctionRef<absl::string_view(absl::string_view)> new_name);

  const std::string& name() const { return name_; }

  // Null if no file has it.
  const Entry* Find(absl::string_view name) const;

  // The reason that NoteAbsent was given; empty if it was not.
  absl::string_view WhyAbsent(absl::string_view name) const;

  const Entries& entries() const { return entries_; }  // in the order of their names
  const std::string& PathOf(const Entry& entry) const { return files_[entry.file].path; }
  std::size_t bytes() const;  // of all files together

  // One line for each file, with its name, size and time of change: what tells the files from
  // others without reading them.
  std::string Stamp() const;

  // Tells the system that all tensors will be read now.
  void WillBeRead() const;

  // Reads a tensor's bytes, or `range`, a part of them, to where entry.tensor.bytes lies. Errors as
  // FileMemory::Read. Release gives the memory of all bytes, or of `range`, back.
  absl::Status Read(const Entry& entry) const { return Read(entry, entry.tensor.bytes); }
  absl::Status Read(const Entry& entry, std::span<const std::byte> range) const;
  void Release(const Entry& entry) const { Release(entry, entry.tensor.bytes); }
  void Release(const Entry& entry, std::span<const std::byte> range) const;

  // DATA_LOSS, naming the file, if one was written or truncated since it was opened.
  absl::Status CheckUnchanged() const;

 private:
  struct File {
    std::string path;
    FileMemory memory;
  };

  std::string name_;
  std::vector<File> files_;
  Entries entries_;  // borrow the addresses of the files' memory
  std::map<std::string, std::string, std::less<>> absent_;  // reasons by name
};

}  // namespace cascade::model
