// SPDX-License-Identifier: Apache-2.0
// Biases that a model was trained without.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "model/weights/gpt2_tensors.h"
#include "model/weights/weight_files.h"

namespace cascade::model {

// The names of the biases of `table` that `files` need not have, since a model without them is
// meant: they are zeros. That is so for all biases of one kind if none of them is stored; the kinds
// are each linear map's, over all blocks, and the layer norms'. A bias that some blocks have and
// others lack is missing from a broken file, and is not in the result.
std::set<std::string> AbsentBiases(const std::vector<Gpt2Tensor>& table, const WeightFiles& files);

}  // namespace cascade::model
