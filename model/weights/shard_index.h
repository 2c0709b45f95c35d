// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace cascade::model {

// Maps the path of a shard, from the index's folder, to the names of the tensors that it must hold,
// sorted.
using ShardIndex = std::map<std::string, std::vector<std::string>>;

// Parses the text of a model.safetensors.index.json: {"weight_map": {tensor: shard, ...}, ...}.
// `file` is its name, for messages. INVALID_ARGUMENT, naming file and tensor, unless every shard is
// a .safetensors file in the folder or in one below it: nothing here leads out of the folder.
absl::StatusOr<ShardIndex> ParseShardIndex(absl::string_view json, absl::string_view file);

}  // namespace cascade::model
