// SPDX-License-Identifier: Apache-2.0
// What lies at a path where a model's folder should be.
#pragma once

#include <string>

namespace cascade::model {

// What is at `path` instead of a Hugging Face folder with config.json and model.safetensors, and
// what to do about it, for the end of a message: "pytorch_model.bin holds PyTorch's weights, which
// are not read: save the model again as safetensors". Knows weights in other formats and under
// other names, adapters, caches of the Hub, files, links to nothing, names of models, and folders
// that hold the model's folder. Empty if there is nothing to say. Looks at names alone, and at no
// more than a few hundred of them.
std::string DescribeFolder(const std::string& path);

}  // namespace cascade::model
