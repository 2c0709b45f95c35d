// SPDX-License-Identifier: Apache-2.0

#include "model/weights/weight_files.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "model/json_document.h"
#include "model/weights/shard_index.h"

namespace cascade::model {
namespace {

constexpr absl::string_view kSingleFile = "model.safetensors";
constexpr absl::string_view kIndexFile = "model.safetensors.index.json";
constexpr std::size_t kMaxIndexBytes = std::size_t{16} << 20;

bool Exists(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

}  // namespace

absl::StatusOr<WeightFiles> WeightFiles::Open(const std::string& folder) {
  const std::string single = absl::StrCat(folder, "/", kSingleFile);
  const std::string index = absl::StrCat(folder, "/", kIndexFile);
  WeightFiles files;
  absl::Status added;
  if (Exists(single)) {
    added = files.AddSingle(single);
  } else if (Exists(index)) {
    added = files.AddShards(folder, index);
  } else {
    added = absl::NotFoundError(
        absl::StrCat(folder, ": expected ", kSingleFile, " or ", kIndexFile, ", found neither"));
  }
  if (!added.ok()) return added;
  return files;
}

absl::StatusOr<StoredTensors> WeightFiles::Map(const std::string& path) {
  absl::StatusOr<MappedFile> mapped = MappedFile::Open(path);
  if (!mapped.ok()) return mapped.status();
  files_.push_back({path, *std::move(mapped)});
  return ParseSafetensors(files_.back().mapped.bytes(), path);
}

absl::Status WeightFiles::AddEntry(absl::string_view name, StoredTensor tensor) {
  const absl::string_view canonical = absl::StripPrefix(name, "transformer.");
  const std::size_t file = files_.size() - 1;
  if (entries_.emplace(canonical, Entry{std::move(tensor), file}).second) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(files_[file].path, ": tensor ", Quoted(canonical),
                   ": expected once, found with and without the prefix \"transformer.\""));
}

absl::Status WeightFiles::AddSingle(const std::string& path) {
  absl::StatusOr<StoredTensors> tensors = Map(path);
  if (!tensors.ok()) return tensors.status();
  for (auto& [name, tensor] : *tensors) {
    if (absl::Status added = AddEntry(name, std::move(tensor)); !added.ok()) return added;
  }
  return absl::OkStatus();
}

absl::Status WeightFiles::AddShards(const std::string& folder, const std::string& index_path) {
  const absl::StatusOr<std::string> text = ReadTextFile(index_path, kMaxIndexBytes);
  if (!text.ok()) return text.status();
  const absl::StatusOr<ShardIndex> index = ParseShardIndex(*text, index_path);
  if (!index.ok()) return index.status();
  for (const auto& [shard, names] : *index) {
    const std::string path = absl::StrCat(folder, "/", shard);
    if (!Exists(path)) {
      return absl::InvalidArgumentError(absl::StrCat(index_path, ": tensor ", Quoted(names.front()),
                                                     ": expected in ", path, ": no such file"));
    }
    absl::StatusOr<StoredTensors> tensors = Map(path);
    if (!tensors.ok()) return tensors.status();
    for (const std::string& name : names) {
      const auto found = tensors->find(name);
      if (found == tensors->end()) {
        return absl::InvalidArgumentError(absl::StrCat(index_path, ": tensor ", Quoted(name),
                                                       ": expected in ", path, ", which lacks it"));
      }
      absl::Status added = AddEntry(name, std::move(found->second));
      if (!added.ok()) return added;
    }
  }
  return absl::OkStatus();
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
