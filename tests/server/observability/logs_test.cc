// SPDX-License-Identifier: Apache-2.0

#include "server/observability/logs.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace cascade::server {
namespace {

using ::testing::MatchesRegex;

nlohmann::json ParseJson(const std::string& rendered) {
  return nlohmann::json::parse(absl::StrCat("{", rendered, "}"));
}

// What Log writes to stderr.
std::string Written(const LogOptions& options, LogLevel level, absl::string_view message) {
  ::testing::internal::CaptureStderr();
  StartLogging(options);
  Log(level, message, {{"n", 1}});
  StartLogging({.level = LogLevel::kOff});
  return ::testing::internal::GetCapturedStderr();
}

TEST(LogsTest, TextIsTheMessageAndNamedValues) {
  EXPECT_EQ(RenderEvent(LogFormat::kText, "request finished",
                        {{"request_id", "7f"}, {"tokens", 40}, {"ms", 1.5}}),
            "request finished request_id=7f tokens=40 ms=1.5");
}

TEST(LogsTest, TextQuotesWhatWouldNotReadBack) {
  EXPECT_EQ(RenderEvent(LogFormat::kText, "m",
                        {{"a", "two words"}, {"b", ""}, {"c", "x=y"}, {"d", "line\nbreak"}}),
            R"(m a="two words" b="" c="x=y" d="line\nbreak")");
}

TEST(LogsTest, JsonKeepsTypesAndText) {
  const nlohmann::json event = ParseJson(RenderEvent(
      LogFormat::kJson, "a \"message\"", {{"text", "line\nbreak \"q\" \\ é"}, {"tokens", 40}}));
  EXPECT_EQ(event["message"], "a \"message\"");
  EXPECT_EQ(event["text"], "line\nbreak \"q\" \\ é");
  EXPECT_EQ(event["tokens"], 40);
}

TEST(LogsTest, JsonRepairsWhatIsNotUtf8) {
  EXPECT_EQ(ParseJson(RenderEvent(LogFormat::kJson, "m", {{"text", "a\xFFz"}}))["text"],
            "a\xEF\xBF\xBDz");
}

TEST(LogsTest, ALineHasTimeAndLevel) {
  EXPECT_THAT(Written({.level = LogLevel::kInfo, .format = LogFormat::kText}, LogLevel::kInfo, "m"),
              MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{12}Z info m n=1\n"));
}

TEST(LogsTest, AJsonLineIsAnObject) {
  const nlohmann::json line = nlohmann::json::parse(
      Written({.level = LogLevel::kInfo, .format = LogFormat::kJson}, LogLevel::kError, "m"));
  EXPECT_EQ(line["level"], "error");
  EXPECT_EQ(line["message"], "m");
  EXPECT_EQ(line["n"], 1);
  EXPECT_THAT(line["time"].get<std::string>(), MatchesRegex("[0-9]{4}-.*Z"));
}

TEST(LogsTest, WhatIsBelowTheLevelIsNotWritten) {
  EXPECT_EQ(Written({.level = LogLevel::kWarning}, LogLevel::kInfo, "m"), "");
  EXPECT_NE(Written({.level = LogLevel::kWarning}, LogLevel::kWarning, "m"), "");
}

// How many lines stderr gets of 1000 calls of `log`.
std::ptrdiff_t LinesOfThousand(const std::function<void()>& log) {
  ::testing::internal::CaptureStderr();
  StartLogging({.level = LogLevel::kDebug});
  for (int i = 0; i < 1000; ++i) log();
  StartLogging({.level = LogLevel::kOff});
  const std::string written = ::testing::internal::GetCapturedStderr();
  return std::count(written.begin(), written.end(), '\n');
}

TEST(LogsTest, AFloodOfOneKindIsAFewLines) {
  for (const LogLevel level : {LogLevel::kInfo, LogLevel::kWarning, LogLevel::kError}) {
    const std::ptrdiff_t lines = LinesOfThousand([level] { Log(level, "m"); });
    EXPECT_GE(lines, 10);
    EXPECT_LT(lines, 1000);
  }
}

TEST(LogsTest, DebugAndLogEachAreNotLimited) {
  EXPECT_EQ(LinesOfThousand([] { Log(LogLevel::kDebug, "m"); }), 1000);
  EXPECT_EQ(LinesOfThousand([] { LogEach(LogLevel::kInfo, "m"); }), 1000);
}

TEST(LogsTest, TheLastLineIsPlainAndComesAtEveryLevelAfterTheOthers) {
  ::testing::internal::CaptureStderr();
  StartLogging({.level = LogLevel::kOff});
  Log(LogLevel::kError, "m");
  WriteLastLine("the last words");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "the last words\n");
}

}  // namespace
}  // namespace cascade::server
