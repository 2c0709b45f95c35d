// SPDX-License-Identifier: Apache-2.0

#include "model/weights/shard_index.h"

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "model/json_document.h"
#include "nlohmann/json.hpp"

namespace cascade::model {
namespace {

bool IsPlainFileName(absl::string_view name) {
  return absl::EndsWith(name, ".safetensors") &&
         name.find_first_of(absl::string_view("/\\\0", 3)) == absl::string_view::npos;
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
    if (shard == nullptr || !IsPlainFileName(*shard)) {
      return absl::InvalidArgumentError(absl::StrCat(
          file, ": tensor ", Quoted(tensor),
          ": expected the name of a .safetensors file in the same folder, found ", Shown(value)));
    }
    index[*shard].push_back(tensor);
  }
  return index;
}

}  // namespace cascade::model
