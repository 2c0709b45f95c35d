// SPDX-License-Identifier: Apache-2.0
// The weight files of a folder as Hugging Face writes it: one safetensors file, or shards.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "model/weights/weight_files.h"

namespace cascade::model {

// Opens `folder`/model.safetensors, or else the shards that `folder`/model.safetensors.index.json
// names; reads no tensor. Names become canonical (tensor_names.h).
//
// NOT_FOUND if there is neither; INVALID_ARGUMENT, naming file and tensor, if a file is malformed,
// a shard is missing, or two names are the same but for the prefix. A tensor that its shard lacks
// is noted in the result, and matters only if it is needed.
absl::StatusOr<WeightFiles> OpenSafetensorsFolder(const std::string& folder);

}  // namespace cascade::model
