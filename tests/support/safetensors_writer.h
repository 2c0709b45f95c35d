// SPDX-License-Identifier: Apache-2.0
// Writes safetensors files, valid ones and such as no writer should make.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "model/config.h"
#include "model/kernels/element_types.h"

namespace cascade::testing {

struct TensorSpec {
  std::string name;
  std::string dtype;
  std::vector<std::size_t> shape;
  std::string bytes;
  // What the header says instead of the truth.
  std::optional<std::pair<std::uint64_t, std::uint64_t>> claimed_offsets = std::nullopt;
};

// A whole file: the tensors' data in the order given.
std::string Safetensors(const std::vector<TensorSpec>& tensors);

// Length, header and data as they are.
std::string RawSafetensors(absl::string_view header, absl::string_view data);
std::string RawSafetensors(std::uint64_t header_length, absl::string_view header,
                           absl::string_view data);

// "F32", "F16" or "BF16".
std::string DtypeOf(model::kernels::ElementType type);

// The values as a file stores them, rounded to nearest.
std::string StoredBytes(std::span<const float> values, model::kernels::ElementType type);

// All tensors of a small GPT-2 in canonical order, as Hugging Face names them, each name after
// `prefix`. Arbitrary values in [-1, 1), exact in every weight type.
std::vector<TensorSpec> Gpt2TensorSpecs(const model::ModelConfig& config,
                                        model::kernels::ElementType type, absl::string_view prefix);

}  // namespace cascade::testing
