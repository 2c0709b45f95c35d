// SPDX-License-Identifier: Apache-2.0

#include "model/weights/shard_index.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "model/json_document.h"
#include "nlohmann/json.hpp"

namespace cascade::model {
namespace {

// True for the name of a file in the index's folder, or in a folder below it.
bool IsInFolder(absl::string_view name) {
  if (!absl::EndsWith(name, ".safetensors")) return false;
  if (name.find_first_of(absl::string_view("\\\0", 2)) != absl::string_view::npos) return false;
  const std::vector<absl::string_view> parts = absl::StrSplit(name, '/');
  return std::none_of(parts.begin(), parts.end(), [](absl::string_view part) {
    return part.empty() || part == "." || part == "..";
  });
}

}  // namespace

absl::StatusOr<ShardIndex> ParseShardIndex(absl::string_view json, absl::string_view file) {
  const absl::StatusOr<JsonDocument> document = ParseJsonObject(json, file);
  if (!document.ok()) return document.status();
  const auto weight_map = (*document)->find("weight_map");
  if (weight_map == (*document)->end() || !weight_map->is_object() || weight_map->empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(file, ": expected weight_map, an object that names each tensor's shard"));
  }
  ShardIndex index;
  for (const auto& [tensor, value] : weight_map->items()) {
    const auto* shard = value.get_ptr<const nlohmann::json::string_t*>();
    if (shard == nullptr || !IsInFolder(*shard)) {
      return absl::InvalidArgumentError(absl::StrCat(
          file, ": tensor ", Quoted(tensor),
          ": expected the name of a .safetensors file in the folder or below it, found ",
          Shown(value)));
    }
    index[*shard].push_back(tensor);
  }
  return index;
}

}  // namespace cascade::model
