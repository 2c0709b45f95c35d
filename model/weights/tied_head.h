// SPDX-License-Identifier: Apache-2.0
// Whether a model's head is its token embedding, by what the weight files have.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "model/config.h"
#include "model/weights/weight_files.h"

namespace cascade::model {

// Where config.tie_word_embeddings is true, makes `config` and `files` agree, as transformers 5
// does:
//   - of wte.weight and lm_head.weight only the head is stored: it becomes the embedding, too;
//   - both are stored with different values: they are two matrices, tie_word_embeddings becomes
//     false, and a sentence is added to `warnings` (transformers 4 would use the embedding alone).
// Errors as WeightFiles::Read. Cost: reads both matrices if both are stored.
absl::Status TieAsStored(WeightFiles& files, ModelConfig& config,
                         std::vector<std::string>& warnings);

}  // namespace cascade::model
