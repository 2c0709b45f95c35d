// SPDX-License-Identifier: Apache-2.0
// The types of stored numbers. An ElementType says how one number is stored; a WeightType is what a
// user chooses for a model's weight matrices, and stands for one row of the table of panel formats.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace cascade::model::kernels {

// The float formats: what weight files have, and what the cache keeps keys and values in.
// Arithmetic is always float32; an element is widened exactly when it is read.
enum class ElementType : std::uint8_t { kF32, kBf16, kF16 };

// Every element type, for callers that offer or test each of them.
inline constexpr std::array kElementTypes = {ElementType::kF32, ElementType::kBf16,
                                             ElementType::kF16};

std::size_t BytesPerElement(ElementType type);
std::string_view Name(ElementType type);  // "f32", "bf16", "f16"

// What one key or value is stored as in the cache (kv_block.h).
using KvType = ElementType;
inline constexpr std::array kKvTypes = kElementTypes;

// What a weight matrix is stored as in memory: one of the float formats, or whole numbers with
// scales: in kInt8 one scale for each output column, in kInt4 one for every 16 inputs of a column.
// How each lies in memory and which kernels read it: panel_formats.h.
enum class WeightType : std::uint8_t { kF32, kBf16, kF16, kInt8, kInt4 };

// Every weight type, for callers that offer or test each of them.
inline constexpr std::array kWeightTypes = {WeightType::kF32, WeightType::kBf16, WeightType::kF16,
                                            WeightType::kInt8, WeightType::kInt4};

std::string_view Name(WeightType type);  // "f32", "bf16", "f16", "int8", "int4"

// The weight type that keeps elements of `type` as they are.
WeightType ExactWeightType(ElementType type);

}  // namespace cascade::model::kernels
