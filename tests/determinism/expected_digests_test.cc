// SPDX-License-Identifier: Apache-2.0

#include "tests/determinism/expected_digests.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace cascade::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Parts = std::vector<std::string>;

const std::string kOne(32, '1');
const std::string kTwo(32, '2');

TEST(ExpectedDigestsTest, ALineIsANameAndADigest) {
  const auto digests = ParseDigests("# made here\n\nlong a b=c " + kOne + "\nshort d " + kTwo);
  ASSERT_THAT(digests, IsOk());
  EXPECT_EQ(*digests, (Digests{{"long a b=c", kOne}, {"short d", kTwo}}));
}

TEST(ExpectedDigestsTest, OtherLinesAreRefused) {
  for (const std::string& line : {std::string("name"), "name " + kOne.substr(1), "name x" + kOne}) {
    EXPECT_THAT(ParseDigests(line), Refuses(absl::StatusCode::kInvalidArgument, Parts{line}));
  }
  EXPECT_THAT(ParseDigests("a " + kOne + "\na " + kOne),
              Refuses(absl::StatusCode::kInvalidArgument, Parts{"\"a\" is there twice"}));
}

TEST(ExpectedDigestsTest, AMissingFileIsNotFound) {
  EXPECT_THAT(ReadDigests("/nowhere/digests.txt"),
              Refuses(absl::StatusCode::kNotFound, Parts{"/nowhere/digests.txt"}));
}

TEST(ExpectedDigestsTest, TellsOfEveryDifferenceInTheSetsThatRan) {
  const Digests actual = {{"short a", kOne}, {"short b", kOne}, {"short c", kOne}};
  const Digests expected = {
      {"short a", kOne}, {"short b", kTwo}, {"short d", kTwo}, {"long a", kTwo}};
  EXPECT_THAT(DifferencesOf(actual, expected, {"short"}),
              ElementsAre(HasSubstr("short b: expected " + kTwo), HasSubstr("short c: no digest"),
                          HasSubstr("short d: expected " + kTwo)));
  EXPECT_THAT(DifferencesOf(actual, actual, {"short"}), IsEmpty());
}

}  // namespace
}  // namespace cascade::testing
