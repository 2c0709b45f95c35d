// SPDX-License-Identifier: Apache-2.0
// The types of numbers. An ElementType says how one number is stored; a WeightType is what a user
// chooses for a model's weight matrices, and an ActivationType what these are multiplied with. Both
// together are a Precision, which stands for one row of the table of panel formats.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace cascade::model::kernels {

// The float formats that weight files have. Arithmetic is always float32; an element is widened
// exactly when it is read.
enum class ElementType : std::uint8_t { kF32, kBf16, kF16 };

// Every element type, for callers that offer or test each of them.
inline constexpr std::array kElementTypes = {ElementType::kF32, ElementType::kBf16,
                                             ElementType::kF16};

std::size_t BytesPerElement(ElementType type);
std::string_view Name(ElementType type);  // "f32", "bf16", "f16"

// What the elements of keys and values are stored as in the cache: a float format, or whole numbers
// with a scale for each key and each value of a head (kv_block.h).
enum class KvType : std::uint8_t { kF32, kBf16, kF16, kInt8 };

// Every such type, for callers that offer or test each of them.
inline constexpr std::array kKvTypes = {KvType::kF32, KvType::kBf16, KvType::kF16, KvType::kInt8};

std::string_view Name(KvType type);  // "f32", "bf16", "f16", "int8"

// What a weight matrix is stored as in memory: one of the float formats, or whole numbers with
// scales: in kInt8 one scale for each output column, in kInt4 one for every 16 inputs of a column,
// or for int8 activations a step and a zero for these and a scale for the column. kBf16 for int16
// activations is whole numbers too, of 14 bits with one scale for each output column.
enum class WeightType : std::uint8_t { kF32, kBf16, kF16, kInt8, kInt4 };

// Every weight type, for callers that offer or test each of them.
inline constexpr std::array kWeightTypes = {WeightType::kF32, WeightType::kBf16, WeightType::kF16,
                                            WeightType::kInt8, WeightType::kInt4};

std::string_view Name(WeightType type);  // "f32", "bf16", "f16", "int8", "int4"

// What the input of a matrix product is rounded to before it is multiplied: nothing, or whole
// numbers of 8 or 13 bits with a scale for every 64 inputs of a row, so that sums are of integers,
// and exact. Whatever is not a product of weights stays float32.
enum class ActivationType : std::uint8_t { kF32, kInt8, kInt16 };

inline constexpr std::array kActivationTypes = {ActivationType::kF32, ActivationType::kInt8,
                                                ActivationType::kInt16};

std::string_view Name(ActivationType type);  // "f32", "int8", "int16"

// How a model's matrix products are computed. How the weights of each precision lie in memory and
// which kernels read them: panel_formats.h.
struct Precision {
  // NOLINTNEXTLINE(google-explicit-constructor): a weight type alone means float32 activations
  constexpr Precision(WeightType weight_type, ActivationType activation_type = ActivationType::kF32)
      : weights(weight_type), activations(activation_type) {}

  friend constexpr bool operator==(const Precision&, const Precision&) = default;

  WeightType weights;
  ActivationType activations;
};

// Every precision that there are kernels for, for callers that offer or test each of them: each
// weight type with float32 activations, then int8 and int4 with int8, and bf16 with int16.
inline constexpr std::array kPrecisions = {Precision(WeightType::kF32),
                                           Precision(WeightType::kBf16),
                                           Precision(WeightType::kF16),
                                           Precision(WeightType::kInt8),
                                           Precision(WeightType::kInt4),
                                           Precision(WeightType::kInt8, ActivationType::kInt8),
                                           Precision(WeightType::kInt4, ActivationType::kInt8),
                                           Precision(WeightType::kBf16, ActivationType::kInt16)};

bool IsSupported(const Precision& precision);

// The weights that go with these activations, for messages: "int8 or int4".
std::string WeightsBeside(ActivationType activations);

// "bf16", "int8", and so on for float32 activations; "int8xint8" for others.
std::string Name(const Precision& precision);

// The weight type that keeps elements of `type` as they are.
WeightType ExactWeightType(ElementType type);

}  // namespace cascade::model::kernels
