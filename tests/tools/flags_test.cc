// SPDX-License-Identifier: Apache-2.0

#include "tools/cascade/flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace cascade::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Values {
  float temperature = 1;
  std::optional<std::uint64_t> seed;
  std::optional<std::uint32_t> top_k;
  std::vector<std::string> stop;
  std::vector<std::uint32_t> ids;
  absl::Duration timeout = absl::InfiniteDuration();
  bool json = false;
};

class FlagsTest : public ::testing::Test {
 protected:
  FlagsTest() {
    flags_.Add("temperature", "T", "how hot", &values_.temperature);
    flags_.Add("seed", "N", "which", &values_.seed);
    flags_.Add("top_k", "K", "how many", &values_.top_k);
    flags_.Add("stop", "TEXT", "where", &values_.stop);
    flags_.Add("ids", "ID,...", "tokens", &values_.ids);
    flags_.Add("timeout", "TIME", "when", &values_.timeout);
    flags_.Add("json", "", "form", &values_.json);
  }

  absl::StatusOr<std::vector<std::string>> Parse(const std::vector<std::string>& args) {
    return flags_.Parse(args);
  }

  std::string ErrorOf(const std::vector<std::string>& args) {
    return std::string(Parse(args).status().message());
  }

  Values values_;
  Flags flags_;
};

TEST_F(FlagsTest, TakesAValueAfterAnEqualsSignOrAsTheNextArgument) {
  ASSERT_TRUE(Parse({"--temperature=0.5", "--seed", "18446744073709551615"}).ok());
  EXPECT_EQ(values_.temperature, 0.5F);
  EXPECT_EQ(values_.seed, 18446744073709551615U);
}

TEST_F(FlagsTest, LeavesWhatIsNotGivenAsItWas) {
  ASSERT_TRUE(Parse({}).ok());
  EXPECT_EQ(values_.temperature, 1.0F);
  EXPECT_FALSE(values_.seed.has_value());
  EXPECT_FALSE(values_.json);
}

TEST_F(FlagsTest, GivenZeroIsNotTheSameAsNotGiven) {
  ASSERT_TRUE(Parse({"--top_k=0"}).ok());
  EXPECT_EQ(values_.top_k, 0U);
}

TEST_F(FlagsTest, ReturnsTheOtherArgumentsInOrder) {
  const auto arguments = Parse({"Once", "--json", "upon", "-"});
  ASSERT_TRUE(arguments.ok());
  EXPECT_THAT(*arguments, ElementsAre("Once", "upon", "-"));
  EXPECT_TRUE(values_.json);
}

TEST_F(FlagsTest, TwoDashesEndTheFlags) {
  const auto arguments = Parse({"--", "--json", "-x"});
  ASSERT_TRUE(arguments.ok());
  EXPECT_THAT(*arguments, ElementsAre("--json", "-x"));
  EXPECT_FALSE(values_.json);
}

TEST_F(FlagsTest, ASwitchCanBeSwitchedOff) {
  values_.json = true;
  ASSERT_TRUE(Parse({"--json=false"}).ok());
  EXPECT_FALSE(values_.json);
}

TEST_F(FlagsTest, StringsMayBeGivenSeveralTimesCommasAndAll) {
  ASSERT_TRUE(Parse({"--stop=a,b", "--stop", "--", "--stop="}).ok());
  EXPECT_THAT(values_.stop, ElementsAre("a,b", "--", ""));
}

TEST_F(FlagsTest, TokenIdsGatherFromAllThatAreGiven) {
  ASSERT_TRUE(Parse({"--ids=1,2", "--ids=3"}).ok());
  EXPECT_THAT(values_.ids, ElementsAre(1, 2, 3));
}

TEST_F(FlagsTest, DurationsReadAsInTheServer) {
  ASSERT_TRUE(Parse({"--timeout=1m30s"}).ok());
  EXPECT_EQ(values_.timeout, absl::Seconds(90));
  ASSERT_TRUE(Parse({"--timeout=2.5"}).ok());
  EXPECT_EQ(values_.timeout, absl::Milliseconds(2500));
  for (const char* wrong : {"soon", "nan", "5 s", "0x5", ""}) {
    EXPECT_THAT(ErrorOf({absl::StrCat("--timeout=", wrong)}), HasSubstr("is not a time"));
  }
}

TEST_F(FlagsTest, DashesInANameAreUnderscores) {
  ASSERT_TRUE(Parse({"--top-k=3"}).ok());
  EXPECT_EQ(values_.top_k, 3U);
}

TEST_F(FlagsTest, SaysWhatIsWrong) {
  EXPECT_EQ(ErrorOf({"--tempature=1"}), "there is no flag --tempature; is it --temperature?");
  EXPECT_EQ(ErrorOf({"--colour=red"}), "there is no flag --colour");
  EXPECT_THAT(ErrorOf({"--seed"}), HasSubstr("--seed needs a value"));
  EXPECT_THAT(ErrorOf({"--temperature=hot"}), HasSubstr("--temperature: \"hot\""));
  EXPECT_THAT(ErrorOf({"--top_k=-1"}), HasSubstr("--top_k: \"-1\""));
  EXPECT_THAT(ErrorOf({"--ids=1,b"}), HasSubstr("\"b\" is not a token id"));
}

TEST_F(FlagsTest, HelpNamesEveryFlagWithItsValue) {
  const std::string help = flags_.Help();
  EXPECT_THAT(help, HasSubstr("--temperature=T "));
  EXPECT_THAT(help, HasSubstr("--json "));
  EXPECT_THAT(help, HasSubstr("how hot\n"));
}

TEST(FlagGroupsTest, EachHasItsHeadingBeforeItsFirstFlag) {
  bool value = false;
  Flags flags;
  flags.BeginGroup("Overwritten");
  flags.BeginGroup("First");
  flags.Add("a", "", "x", &value);
  flags.Add("b", "", "x", &value);
  flags.BeginGroup("Second");
  flags.Add("c", "", "x", &value);
  EXPECT_THAT(flags.Help(), ::testing::StartsWith("First:\n  --a "));
  EXPECT_THAT(flags.Help(), HasSubstr("x\n\nSecond:\n  --c "));
}

TEST(ParseTokenIdsTest, TakesCommasAndSpaces) {
  const auto ids = ParseTokenIds(" 1, 2 3,4 ");
  ASSERT_TRUE(ids.ok());
  EXPECT_THAT(*ids, ElementsAre(1, 2, 3, 4));
}

TEST(ParseTokenIdsTest, RefusesWhatDoesNotFit) {
  EXPECT_FALSE(ParseTokenIds("4294967296").ok());
  EXPECT_FALSE(ParseTokenIds("-1").ok());
  EXPECT_THAT(*ParseTokenIds("4294967295"), ElementsAre(4294967295U));
  EXPECT_THAT(*ParseTokenIds(""), IsEmpty());
}

}  // namespace
}  // namespace cascade::cli
