// SPDX-License-Identifier: Apache-2.0

#include "model/sampling/philox.h"

#include <cstdint>
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cascade::model {
namespace {

using ::testing::ElementsAre;

// Random123 1.14, kat_vectors: philox4x32 10.
TEST(PhiloxTest, GivesTheKnownAnswers) {
  EXPECT_THAT(Philox4x32({0, 0, 0, 0}, {0, 0}),
              ElementsAre(0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8));
  EXPECT_THAT(
      Philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
      ElementsAre(0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd));
  EXPECT_THAT(
      Philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
      ElementsAre(0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1));
}

// Seeds that users have kept must go on giving the same tokens.
TEST(UniformAtTest, ItsNumbersNeverChange) {
  EXPECT_EQ(UniformAt(0, 0), 0x1.994cbf457ee4cp-2);
  EXPECT_EQ(UniformAt(42, 17), 0x1.c9c08e85f9800p-11);
  EXPECT_EQ(UniformAt(0xfedcba9876543210, 0x100000005), 0x1.618a2377965d2p-2);
}

TEST(UniformAtTest, IsAtLeastZeroAndBelowOne) {
  for (std::uint64_t position = 0; position < 10000; ++position) {
    const double u = UniformAt(7, position);
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
  }
}

TEST(UniformAtTest, EveryBitOfEveryArgumentCounts) {
  std::set<double> numbers = {UniformAt(0, 0)};
  for (int bit = 0; bit < 64; ++bit) {
    numbers.insert(UniformAt(std::uint64_t{1} << bit, 0));
    numbers.insert(UniformAt(0, std::uint64_t{1} << bit));
  }
  EXPECT_EQ(numbers.size(), 1U + 64 + 64);
}

TEST(UniformAtTest, ItsMomentsAreThoseOfTheUniformDistribution) {
  constexpr int kDraws = 100000;
  double sum = 0;
  double squares = 0;
  double neighbors = 0;
  double previous = 0.5;
  for (std::uint64_t position = 0; position < kDraws; ++position) {
    const double u = UniformAt(1, position);
    sum += u;
    squares += u * u;
    neighbors += (u - 0.5) * (previous - 0.5);
    previous = u;
  }
  // Four standard deviations each.
  EXPECT_NEAR(sum / kDraws, 1.0 / 2, 4 * 0.2887 / 316);
  EXPECT_NEAR(squares / kDraws, 1.0 / 3, 4 * 0.2981 / 316);
  EXPECT_NEAR(neighbors / kDraws, 0.0, 4 * 0.0833 / 316);
}

}  // namespace
}  // namespace cascade::model
