// The types that weights, keys and values have in memory: what a user chooses by name.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace cascade::model::kernels {

// How one weight is stored. Arithmetic is always float32; a weight is widened exactly as it is
// read. kInt8 has a scale for each output column, which its finished chains are multiplied with;
// kInt4 one for every 16 inputs of a column, part of the weight. Weight files have the others only.
enum class WeightType : std::uint8_t { kF32, kBf16, kF16, kInt8, kInt4 };

// Every weight type, for callers that offer or test each of them.
inline constexpr std::array kWeightTypes = {WeightType::kF32, WeightType::kBf16, WeightType::kF16,
                                            WeightType::kInt8, WeightType::kInt4};

// Bytes of one weight. REQUIRES: a type that weight files have.
std::size_t BytesPerWeight(WeightType type);

std::string_view Name(WeightType type);  // "f32", "bf16", "f16", "int8", "int4"

// How one element of a key or of a value is stored in the cache (kv_block.h).
enum class KvType : std::uint8_t { kF32, kBf16, kF16 };

// Every cache type, for callers that offer or test each of them.
inline constexpr std::array kKvTypes = {KvType::kF32, KvType::kBf16, KvType::kF16};

std::size_t BytesPerElement(KvType type);
std::string_view Name(KvType type);  // "f32", "bf16", "f16"

}  // namespace cascade::model::kernels
