// SPDX-License-Identifier: Apache-2.0

#include "model/weights/digest.h"

#include <limits>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/weights/elements.h"
#include "tests/support/safetensors_writer.h"

namespace cascade::model {
namespace {

using kernels::ElementType;

StoredTensor Tensor(const std::string& bytes, std::vector<std::size_t> shape,
                    const std::string& dtype = "F32") {
  return {.dtype = dtype, .shape = std::move(shape), .bytes = std::as_bytes(std::span(bytes))};
}

TEST(WeightsDigestTest, DependsOnNameTypeShapeBytesAndOrder) {
  const std::string bytes = "0123456701234567";
  const std::string other = "0123456701234568";
  const auto hash = [](const std::vector<std::pair<std::string, StoredTensor>>& tensors) {
    WeightsDigest digest;
    for (const auto& [name, tensor] : tensors) digest.Add(name, tensor, *FindStoredType("F32"));
    return digest.Hex();
  };
  const StoredTensor tensor = Tensor(bytes, {4});
  const std::set<std::string> hashes = {
      hash({}),
      hash({{"a", tensor}}),
      hash({{"b", tensor}}),
      hash({{"a", Tensor(bytes, {4}, "F3")}}),
      hash({{"a", Tensor(bytes, {2, 2})}}),
      hash({{"a", Tensor(other, {4})}}),
      hash({{"a", tensor}, {"b", tensor}}),
      hash({{"b", tensor}, {"a", tensor}}),
  };
  EXPECT_EQ(hashes.size(), 8U);
  EXPECT_EQ(hash({{"a", tensor}}), hash({{"a", Tensor(std::string(bytes), {4})}}));
}

// The same on every machine and with every later version, or fingerprints would not compare.
TEST(WeightsDigestTest, StaysWhatItIs) {
  std::string bytes(1'000'000, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i % 251);
  WeightsDigest digest;
  digest.Add("wte.weight", Tensor(bytes, {500, 500}), *FindStoredType("F32"));
  EXPECT_EQ(digest.Hex(), "7ca4d714146696cc11d3aed211739c8a");  // Python: xxhash.xxh3_128
}

TEST(WeightsDigestTest, CountsNaNsOfAllTensorsWhereverTheyLie) {
  std::vector<float> values(300'000, 1.0F);
  for (const std::size_t i : {0U, 65'535U, 65'536U, 299'999U}) {
    values[i] = std::numeric_limits<float>::quiet_NaN();
  }
  const std::string wide = cascade::testing::StoredBytes(values, ElementType::kF32);
  const std::string narrow = cascade::testing::StoredBytes(values, ElementType::kF16);
  WeightsDigest digest;
  digest.Add("a", Tensor(wide, {values.size()}), *FindStoredType("F32"));
  EXPECT_EQ(digest.counts().nans, 4U);
  digest.Add("b", Tensor(narrow, {values.size()}, "F16"), *FindStoredType("F16"));
  EXPECT_EQ(digest.counts().nans, 8U);
}

}  // namespace
}  // namespace cascade::model
