// SPDX-License-Identifier: Apache-2.0

#include "tools/cascade/bench/length_distribution.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <vector>

namespace cascade::cli::bench {
namespace {

using ::testing::HasSubstr;

LengthDistribution Parsed(absl::string_view text) {
  absl::StatusOr<LengthDistribution> lengths = LengthDistribution::Parse(text);
  EXPECT_TRUE(lengths.ok()) << lengths.status();
  return lengths.ok() ? *lengths : LengthDistribution(1);
}

// `count` draws, in order.
std::vector<std::uint32_t> Draws(absl::string_view text, std::size_t count) {
  const LengthDistribution lengths = Parsed(text);
  Random random = SeededRandom(7, Purpose::kRequest, 0);
  std::vector<std::uint32_t> draws(count);
  for (std::uint32_t& draw : draws) draw = lengths.Draw(random);
  std::sort(draws.begin(), draws.end());
  return draws;
}

TEST(LengthDistributionTest, ANumberIsAlwaysThat) {
  const std::vector<std::uint32_t> draws = Draws("128", 100);
  EXPECT_EQ(draws.front(), 128U);
  EXPECT_EQ(draws.back(), 128U);
}

TEST(LengthDistributionTest, UniformGivesEveryLengthOfTheRangeAsOften) {
  std::map<std::uint32_t, int> times;
  for (const std::uint32_t draw : Draws("uniform:3-6", 40'000)) ++times[draw];
  ASSERT_EQ(times.size(), 4U);
  EXPECT_EQ(times.begin()->first, 3U);
  for (const auto& [length, count] : times) EXPECT_NEAR(count, 10'000, 500) << length;
}

TEST(LengthDistributionTest, AListGivesEveryEntryAsOften) {
  std::map<std::uint32_t, int> times;
  for (const std::uint32_t draw : Draws("list:16,16,512", 30'000)) ++times[draw];
  ASSERT_EQ(times.size(), 2U);
  EXPECT_NEAR(times[16], 20'000, 500);
  EXPECT_NEAR(times[512], 10'000, 500);
}

TEST(LengthDistributionTest, LognormalHasItsMedianAndCutsOneInAHundred) {
  const std::vector<std::uint32_t> draws = Draws("lognormal:100-1000", 40'000);
  EXPECT_NEAR(draws[20'000], 100, 3);
  EXPECT_EQ(draws.back(), 1000U);
  EXPECT_NEAR(static_cast<double>(std::count(draws.begin(), draws.end(), 1000U)), 400, 80);
  EXPECT_GE(draws.front(), 1U);
}

TEST(LengthDistributionTest, KnowsItsBounds) {
  EXPECT_EQ(Parsed("9").min(), 9U);
  EXPECT_EQ(Parsed("9").max(), 9U);
  EXPECT_EQ(Parsed("uniform:4-8").min(), 4U);
  EXPECT_EQ(Parsed("uniform:4-8").max(), 8U);
  EXPECT_EQ(Parsed("lognormal:4-8").min(), 1U);
  EXPECT_EQ(Parsed("lognormal:4-8").max(), 8U);
  EXPECT_EQ(Parsed("list:7,2,5").min(), 2U);
  EXPECT_EQ(Parsed("list:7,2,5").max(), 7U);
}

TEST(LengthDistributionTest, ARangeOfOneLengthIsThatLength) {
  EXPECT_EQ(Draws("uniform:5-5", 10).back(), 5U);
  EXPECT_EQ(Draws("lognormal:5-5", 10).front(), 5U);
}

TEST(LengthDistributionTest, KeepsItsText) {
  EXPECT_EQ(Parsed("uniform:4-8").text(), "uniform:4-8");
  EXPECT_EQ(LengthDistribution(64).text(), "64");
}

TEST(LengthDistributionTest, RefusesWhatIsNoneAndShowsTheForms) {
  for (const absl::string_view text :
       {"", "0", "-1", "x", "1.5", "1000001", "uniform:", "uniform:5", "uniform:9-3",
        "uniform:1-2-3", "lognormal:0-5", "list:", "list:1,,2", "normal:1-2", "1,2"}) {
    const absl::StatusOr<LengthDistribution> lengths = LengthDistribution::Parse(text);
    ASSERT_FALSE(lengths.ok()) << text;
    EXPECT_THAT(std::string(lengths.status().message()), HasSubstr("uniform:16-256"));
  }
}

}  // namespace
}  // namespace cascade::cli::bench
