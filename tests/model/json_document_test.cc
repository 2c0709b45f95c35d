// SPDX-License-Identifier: Apache-2.0

#include "model/json_document.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace cascade::model {
namespace {

using cascade::testing::IsInvalid;
using cascade::testing::IsOk;
using cascade::testing::Refuses;
using cascade::testing::TempDir;
using Parts = std::vector<std::string>;

TEST(JsonDocumentTest, ReadsAnObject) {
  const auto document = ParseJsonObject(R"({"a": [1, {"b": null}]})", "f.json");
  ASSERT_THAT(document, IsOk());
  EXPECT_EQ((*document)->at("a").at(0), 1);
}

TEST(JsonDocumentTest, NamesTheByteThatIsWrong) {
  EXPECT_THAT(ParseJsonObject(R"({"a": 1,})", "f.json"),
              IsInvalid({"f.json: not valid JSON at byte 9"}));
}

TEST(JsonDocumentTest, SaysWhatAFileOfAnotherKindIs) {
  EXPECT_THAT(
      ParseJsonObject("version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "f.json"),
      IsInvalid({"f.json: expected JSON, found a Git LFS pointer", "git lfs pull"}));
  EXPECT_THAT(ParseJsonObject("\n <!DOCTYPE html><html>", "f.json"),
              IsInvalid({"f.json: expected JSON, found an HTML page"}));
  EXPECT_THAT(ParseJsonObject("Entry not found", "f.json"),
              IsInvalid({"found a web server's error message"}));
  EXPECT_THAT(ParseJsonObject(absl::string_view("\xFF\xFE{\0}\0", 6), "f.json"),
              IsInvalid({"found text in UTF-16"}));
}

TEST(JsonDocumentTest, RefusesWhatIsNoObject) {
  EXPECT_THAT(ParseJsonObject("[1]", "f.json"), IsInvalid({"f.json", "object", "an array"}));
  EXPECT_THAT(ParseJsonObject("7", "f.json"), IsInvalid({"f.json", "object", "found 7"}));
  EXPECT_THAT(ParseJsonObject("", "f.json"), IsInvalid({"f.json: not valid JSON"}));
}

TEST(JsonDocumentTest, RefusesAKeyThatStandsTwice) {
  EXPECT_THAT(ParseJsonObject(R"({"a": 1, "b": {"a": 2}, "a": 3})", "f.json"),
              IsInvalid({R"(f.json: key "a" stands twice)"}));
}

TEST(JsonDocumentTest, TakesTheSameKeyInDifferentObjects) {
  EXPECT_THAT(ParseJsonObject(R"({"a": {"x": 1}, "b": {"x": 2}})", "f.json"), IsOk());
}

TEST(JsonDocumentTest, BoundsTheDepth) {
  const auto nested = [](std::size_t depth) {
    return absl::StrCat(R"({"a":)", std::string(depth - 1, '['), std::string(depth - 1, ']'), "}");
  };
  EXPECT_THAT(ParseJsonObject(nested(kMaxJsonDepth), "f.json"), IsOk());
  EXPECT_THAT(ParseJsonObject(nested(kMaxJsonDepth + 1), "f.json"),
              IsInvalid({"f.json: JSON nested deeper than 32"}));
  EXPECT_THAT(ParseJsonObject(absl::StrCat(R"({"a":)", std::string(1'000'000, '[')), "f.json"),
              IsInvalid({"f.json: JSON nested deeper than 32"}));
}

TEST(JsonDocumentTest, RefusesNumbersThatNoDoubleHolds) {
  EXPECT_THAT(ParseJsonObject(R"({"a": 1e999})", "f.json"), IsInvalid({"f.json: not valid JSON"}));
}

TEST(JsonDocumentTest, QuotedEscapesAndCuts) {
  EXPECT_EQ(Quoted("a\n\x01\"b"), R"("a\n\x01\"b")");
  EXPECT_EQ(Quoted(std::string(1000, 'x')), absl::StrCat("\"", std::string(100, 'x'), "...\""));
}

TEST(JsonDocumentTest, ReadTextFileTakesAFileUpToItsLimit) {
  const TempDir folder;
  folder.WriteFile("four", "abcd");
  const auto text = ReadTextFile(folder.PathOf("four"), 4);
  ASSERT_THAT(text, IsOk());
  EXPECT_EQ(*text, "abcd");
  EXPECT_THAT(ReadTextFile(folder.PathOf("four"), 3), IsInvalid({"four", "at most 3 bytes"}));
}

TEST(JsonDocumentTest, ReadTextFileSaysWhatIsNotAFile) {
  const TempDir folder;
  EXPECT_THAT(ReadTextFile(folder.PathOf("none"), 4),
              Refuses(absl::StatusCode::kNotFound, Parts{"none", "no such file"}));
  EXPECT_THAT(ReadTextFile(folder.path(), 4), IsInvalid({folder.path(), "not a regular file"}));
}

}  // namespace
}  // namespace cascade::model
