// SPDX-License-Identifier: Apache-2.0

#include "model/weights/weight_files.h"

#include <filesystem>

#include "absl/strings/str_cat.h"

namespace cascade::model {

absl::StatusOr<std::span<const std::byte>> WeightFiles::Map(const std::string& path) {
  absl::StatusOr<MappedFile> mapped = MappedFile::Open(path);
  if (!mapped.ok()) return mapped.status();
  files_.push_back({path, *std::move(mapped)});
  return files_.back().mapped.bytes();
}

bool WeightFiles::TryAdd(absl::string_view name, StoredTensor tensor) {
  return entries_.emplace(name, Entry{std::move(tensor), files_.size() - 1}).second;
}

const WeightFiles::Entry* WeightFiles::Find(absl::string_view name) const {
  const auto found = entries_.find(name);
  return found == entries_.end() ? nullptr : &found->second;
}

std::size_t WeightFiles::bytes() const {
  std::size_t sum = 0;
  for (const File& file : files_) sum += file.mapped.bytes().size();
  return sum;
}

std::string WeightFiles::Stamp() const {
  std::string stamp;
  for (const File& file : files_) {
    absl::StrAppend(&stamp, std::filesystem::path(file.path).filename().string(), " ",
                    file.mapped.bytes().size(), " ", file.mapped.modified_ns(), "\n");
  }
  return stamp;
}

void WeightFiles::WillBeRead() const {
  for (const File& file : files_) file.mapped.WillBeReadOnce();
}

void WeightFiles::Release(const Entry& entry) const {
  files_[entry.file].mapped.Release(entry.tensor.bytes);
}

}  // namespace cascade::model
