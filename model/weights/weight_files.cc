// SPDX-License-Identifier: Apache-2.0

#include "model/weights/weight_files.h"

#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "model/json_document.h"

namespace cascade::model {

absl::StatusOr<const FileMemory*> WeightFiles::Open(const std::string& path) {
  absl::StatusOr<FileMemory> file = FileMemory::Open(path);
  if (!file.ok()) return file.status();
  files_.push_back({path, *std::move(file)});
  return &files_.back().memory;
}

bool WeightFiles::TryAdd(absl::string_view name, StoredTensor tensor) {
  return entries_.emplace(name, Entry{std::move(tensor), files_.size() - 1}).second;
}

void WeightFiles::NoteAbsent(absl::string_view name, std::string reason) {
  absent_.emplace(name, std::move(reason));
}

absl::Status WeightFiles::Rename(absl::FunctionRef<absl::string_view(absl::string_view)> new_name) {
  Entries renamed;
  while (!entries_.empty()) {
    Entries::node_type node = entries_.extract(entries_.begin());
    node.key() = std::string(new_name(node.key()));
    const auto added = renamed.insert(std::move(node));
    if (added.inserted) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(PathOf(added.node.mapped()), ": tensor ", Quoted(added.node.key()),
                     ": expected once, found with and without the prefix \"transformer.\""));
  }
  entries_ = std::move(renamed);
  std::map<std::string, std::string, std::less<>> absent;
  for (auto& [name, reason] : absent_) absent.emplace(new_name(name), std::move(reason));
  absent_ = std::move(absent);
  return absl::OkStatus();
}

absl::string_view WeightFiles::WhyAbsent(absl::string_view name) const {
  const auto found = absent_.find(name);
  return found == absent_.end() ? absl::string_view() : found->second;
}

const WeightFiles::Entry* WeightFiles::Find(absl::string_view name) const {
  const auto found = entries_.find(name);
  return found == entries_.end() ? nullptr : &found->second;
}

std::size_t WeightFiles::bytes() const {
  std::size_t sum = 0;
  for (const File& file : files_) sum += file.memory.bytes().size();
  return sum;
}

std::string WeightFiles::Stamp() const {
  std::string stamp;
  for (const File& file : files_) {
    absl::StrAppend(&stamp, std::filesystem::path(file.path).filename().string(), " ",
                    file.memory.bytes().size(), " ", file.memory.modified_ns(), "\n");
  }
  return stamp;
}

void WeightFiles::WillBeRead() const {
  for (const File& file : files_) file.memory.WillBeRead();
}

absl::Status WeightFiles::Read(const Entry& entry, std::span<const std::byte> range) const {
  return files_[entry.file].memory.Read(range);
}

absl::Status WeightFiles::CheckUnchanged() const {
  for (const File& file : files_) {
    if (absl::Status unchanged = file.memory.CheckUnchanged(); !unchanged.ok()) return unchanged;
  }
  return absl::OkStatus();
}

void WeightFiles::Release(const Entry& entry, std::span<const std::byte> range) const {
  files_[entry.file].memory.Release(range);
}

}  // namespace cascade::model
