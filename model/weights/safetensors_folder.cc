// SPDX-License-Identifier: Apache-2.0

#include "model/weights/safetensors_folder.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "model/json_document.h"
#include "model/weights/safetensors.h"
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

absl::StatusOr<StoredTensors> Open(const std::string& path, WeightFiles& files) {
  const absl::StatusOr<const FileMemory*> file = files.Open(path);
  if (!file.ok()) return file.status();
  if (absl::Status read = ReadSafetensorsHeader(**file); !read.ok()) return read;
  return ParseSafetensors((*file)->bytes(), path);
}

// Adds a tensor of the file `path`, which was opened last.
absl::Status Add(const std::string& path, absl::string_view name, StoredTensor tensor,
                 WeightFiles& files) {
  const absl::string_view canonical = absl::StripPrefix(name, "transformer.");
  if (files.TryAdd(canonical, std::move(tensor))) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(path, ": tensor ", Quoted(canonical),
                   ": expected once, found with and without the prefix \"transformer.\""));
}

absl::Status AddSingle(const std::string& path, WeightFiles& files) {
  absl::StatusOr<StoredTensors> tensors = Open(path, files);
  if (!tensors.ok()) return tensors.status();
  for (auto& [name, tensor] : *tensors) {
    if (absl::Status added = Add(path, name, std::move(tensor), files); !added.ok()) return added;
  }
  return absl::OkStatus();
}

// Adds the tensors that the index expects in the shard `path`.
absl::Status AddShard(const std::string& index_path, const std::string& path,
                      const std::vector<std::string>& names, WeightFiles& files) {
  if (!Exists(path)) {
    return absl::InvalidArgumentError(absl::StrCat(index_path, ": tensor ", Quoted(names.front()),
                                                   ": expected in ", path, ": no such file"));
  }
  absl::StatusOr<StoredTensors> tensors = Open(path, files);
  if (!tensors.ok()) return tensors.status();
  for (const std::string& name : names) {
    const auto found = tensors->find(name);
    if (found == tensors->end()) {
      return absl::InvalidArgumentError(absl::StrCat(index_path, ": tensor ", Quoted(name),
                                                     ": expected in ", path, ", which lacks it"));
    }
    absl::Status added = Add(path, name, std::move(found->second), files);
    if (!added.ok()) return added;
  }
  return absl::OkStatus();
}

absl::Status AddShards(const std::string& folder, const std::string& index_path,
                       WeightFiles& files) {
  const absl::StatusOr<std::string> text = ReadTextFile(index_path, kMaxIndexBytes);
  if (!text.ok()) return text.status();
  const absl::StatusOr<ShardIndex> index = ParseShardIndex(*text, index_path);
  if (!index.ok()) return index.status();
  for (const auto& [shard, names] : *index) {
    absl::Status added = AddShard(index_path, absl::StrCat(folder, "/", shard), names, files);
    if (!added.ok()) return added;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<WeightFiles> OpenSafetensorsFolder(const std::string& folder) {
  const std::string single = absl::StrCat(folder, "/", kSingleFile);
  const std::string index = absl::StrCat(folder, "/", kIndexFile);
  WeightFiles files(folder);
  absl::Status added;
  if (Exists(single)) {
    added = AddSingle(single, files);
  } else if (Exists(index)) {
    added = AddShards(folder, index, files);
  } else {
    added = absl::NotFoundError(
        absl::StrCat(folder, ": expected ", kSingleFile, " or ", kIndexFile, ", found neither"));
  }
  if (!added.ok()) return added;
  return files;
}

}  // namespace cascade::model
