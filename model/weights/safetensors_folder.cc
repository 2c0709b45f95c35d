// SPDX-License-Identifier: Apache-2.0

#include "model/weights/safetensors_folder.h"

#include <filesystem>
#include <functional>
#include <map>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "model/file_kind.h"
#include "model/json_document.h"
#include "model/weights/safetensors.h"
#include "model/weights/shard_index.h"
#include "model/weights/stored_tensor.h"
#include "model/weights/tensor_names.h"

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

absl::Status AddSingle(const std::string& path, WeightFiles& files) {
  absl::StatusOr<StoredTensors> tensors = Open(path, files);
  if (!tensors.ok()) return tensors.status();
  for (auto& [name, tensor] : *tensors) files.TryAdd(name, std::move(tensor));
  return absl::OkStatus();
}

// Adds the shards of an index. A tensor that several shards have is that of the shard which the
// index names; tensors that the index does not have are added too, as transformers reads all of a
// shard.
class ShardsReader {
 public:
  // `path` is the index's own.
  ShardsReader(const std::string& path, const ShardIndex& index, WeightFiles& files)
      : path_(path), files_(files) {
    for (const auto& [shard, names] : index) {
      for (const std::string& name : names) shard_of_.emplace(name, shard);
    }
  }

  absl::Status Add(const std::string& folder, const std::string& shard,
                   const std::vector<std::string>& names) {
    const std::string shard_path = absl::StrCat(folder, "/", shard);
    if (!Exists(shard_path)) {
      const std::string link = DanglingLink(shard_path);
      return absl::InvalidArgumentError(absl::StrCat(path_, ": tensor ", Quoted(names.front()),
                                                     ": expected in ", shard_path, ": no such file",
                                                     link.empty() ? "" : ": ", link));
    }
    absl::StatusOr<StoredTensors> tensors = Open(shard_path, files_);
    if (!tensors.ok()) return tensors.status();
    for (const std::string& name : names) {
      if (tensors->find(name) != tensors->end()) continue;
      files_.NoteAbsent(name, absl::StrCat(path_, ": tensor ", Quoted(name), ": expected in ",
                                           shard_path, ", which lacks it"));
    }
    for (auto& [name, tensor] : *tensors) {
      const auto listed = shard_of_.find(name);
      if (listed != shard_of_.end() && listed->second != shard) continue;
      if (files_.TryAdd(name, std::move(tensor))) continue;
      return absl::InvalidArgumentError(absl::StrCat(shard_path, ": tensor ", Quoted(name),
                                                     ": expected once, found in two ",
                                                     "shards, and not in the index"));
    }
    return absl::OkStatus();
  }

 private:
  const std::string& path_;
  WeightFiles& files_;
  std::map<std::string, std::string, std::less<>> shard_of_;  // by tensor
};

absl::Status AddShards(const std::string& folder, const std::string& index_path,
                       WeightFiles& files) {
  const absl::StatusOr<std::string> text = ReadTextFile(index_path, kMaxIndexBytes);
  if (!text.ok()) return text.status();
  const absl::StatusOr<ShardIndex> index = ParseShardIndex(*text, index_path);
  if (!index.ok()) return index.status();
  ShardsReader reader(index_path, *index, files);
  for (const auto& [shard, names] : *index) {
    if (absl::Status added = reader.Add(folder, shard, names); !added.ok()) return added;
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
    std::string link = DanglingLink(single);
    if (link.empty()) link = DanglingLink(index);
    added = absl::NotFoundError(absl::StrCat(folder, ": expected ", kSingleFile, " or ", kIndexFile,
                                             ", found neither", link.empty() ? "" : ": ", link));
  }
  if (!added.ok()) return added;
  if (absl::Status named = UseCanonicalNames(files); !named.ok()) return named;
  return files;
}

}  // namespace cascade::model
