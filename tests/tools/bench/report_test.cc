// SPDX-License-Identifier: Apache-2.0

#include "tools/cascade/bench/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <vector>

#include "absl/strings/str_split.h"

namespace cascade::cli::bench {
namespace {

using ::nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// Two answers of ten tokens, a refusal and a cancelled request in two seconds.
Measurement Example() {
  Tally tally;
  for (int i = 0; i < 4; ++i) tally.OnStarted(milliseconds(1), false);
  for (int i = 0; i < 2; ++i) {
    tally.OnPrompt(100, 50);
    tally.OnFirstTokens(2, milliseconds(20 + i));
    tally.OnMoreTokens(8, milliseconds(30));
    Outcome outcome;
    outcome.tokens = 10;
    outcome.total = milliseconds(1500);
    tally.OnEnded(outcome);
  }
  Outcome cancelled;
  cancelled.ended_by = EndedBy::kPlan;
  tally.OnEnded(cancelled);
  Outcome refused;
  refused.status = {grpc::StatusCode::RESOURCE_EXHAUSTED, "full"};
  refused.total = milliseconds(3);
  tally.OnEnded(refused);

  Measurement run;
  run.started = absl::FromUnixSeconds(951'827'696);
  run.server = "localhost:50051";
  run.model.set_name("tales");
  run.load.offered.rate = 2.5;
  run.load.requests = 4;
  run.connections = 8;
  run.result.counts = tally.Snapshot();
  run.result.elapsed = seconds(2);
  return run;
}

TEST(ReportTest, TextTellsRequestsRatesTimesAndErrors) {
  EXPECT_EQ(
      ReportText(Example()),
      "tales at localhost:50051: open loop, 2.5 requests/s\n"
      "  requests      4 in 2.00 s: 2 OK, 1 RESOURCE_EXHAUSTED, 1 cancelled\n"
      "  per second    1.00 answers, 10.0 tokens, 100 tokens of prompts (50% of them cached)\n"
      "  mean          10.0 tokens an answer, 5.00 a message\n"
      "\n"
      "                            p50       p90       p99       max   samples\n"
      "  first token           20.0 ms   21.0 ms   21.0 ms   21.0 ms         2\n"
      "  between messages      30.0 ms   30.0 ms   30.0 ms   30.0 ms         2\n"
      "  whole answer           1.50 s    1.50 s    1.50 s    1.50 s         2\n"
      "  refusal               3.00 ms   3.00 ms   3.00 ms   3.00 ms         1\n"
      "  started late by       1.00 ms   1.00 ms   1.00 ms   1.00 ms         4\n"
      "\n"
      "  1 RESOURCE_EXHAUSTED, such as\n"
      "    RESOURCE_EXHAUSTED: full\n");
}

TEST(ReportTest, TextOfARunInWhichNothingHappened) {
  Measurement run;
  run.model.set_name("tales");
  run.server = "here:1";
  EXPECT_THAT(ReportText(run), StartsWith("tales at here:1: closed loop, 1 stream\n"));
  EXPECT_THAT(ReportText(run), HasSubstr("0 in 0 us"));
}

TEST(ReportTest, JsonHasEveryNumberAndTheSettings) {
  const std::string text = ReportJson(Example());
  EXPECT_EQ(text.find('\n'), text.size() - 1);
  const json report = json::parse(text);
  EXPECT_EQ(report["started"], "2000-02-29T12:34:56Z");
  EXPECT_EQ(report["model"]["name"], "tales");
  EXPECT_EQ(report["settings"]["loop"], "open");
  EXPECT_EQ(report["settings"]["rate"], 2.5);
  EXPECT_TRUE(report["settings"]["concurrency"].is_null());
  EXPECT_EQ(report["settings"]["prompt_tokens"], "128");
  EXPECT_TRUE(report["settings"]["duration"].is_null());
  EXPECT_EQ(report["elapsed"], 2.0);
  EXPECT_EQ(report["requests"]["started"], 4);
  EXPECT_EQ(report["requests"]["by_code"]["OK"], 2);
  EXPECT_EQ(report["requests"]["by_code"]["RESOURCE_EXHAUSTED"], 1);
  EXPECT_EQ(report["requests"]["cancelled"], 1);
  EXPECT_EQ(report["requests"]["errors"][0]["example"], "RESOURCE_EXHAUSTED: full");
  EXPECT_EQ(report["tokens"]["generated"], 20);
  EXPECT_EQ(report["tokens"]["messages"], 4);
  EXPECT_EQ(report["per_second"]["generated_tokens"], 10.0);
  const json& first_token = report["latency"]["first_token"];
  EXPECT_EQ(first_token["count"], 2);
  EXPECT_NEAR(first_token["p50"].get<double>(), 0.020, 0.00002);
  EXPECT_NEAR(first_token["max"].get<double>(), 0.021, 0);
  EXPECT_EQ(first_token["percentiles"].front()[0], 0.0);
  EXPECT_EQ(first_token["percentiles"].back()[0], 100.0);
  EXPECT_EQ(report["latency"]["per_token"]["percentiles"], json::array());
}

TEST(ReportTest, JsonTakesMessagesThatAreNotUtf8) {
  Measurement run = Example();
  run.result.counts.ended_by_server[grpc::StatusCode::UNKNOWN] = {1, "UNKNOWN: \xFF"};
  EXPECT_TRUE(json::accept(ReportJson(run)));
}

TEST(ReportTest, ASweepHasALineForEachRun) {
  std::vector<Measurement> runs(3, Example());
  runs[1].load.offered.rate = 5;
  const std::vector<std::string> lines = absl::StrSplit(SweepText(runs), '\n');
  ASSERT_EQ(lines.size(), 2U + 3U + 1U);
  EXPECT_THAT(lines[3], StartsWith("open loop, 5 requests/s"));
  EXPECT_THAT(lines[3], HasSubstr("20.0 ms    21.0 ms    30.0 ms    30.0 ms        1"));
}

TEST(ReportTest, ProgressIsOneLine) {
  const Measurement run = Example();
  const std::string text = ProgressText(run.result.counts, seconds(2));
  EXPECT_EQ(text, "2 s: 2 answered, 0 in flight, 20 tokens, 10.0 a second, 1 failed, 1 cancelled");
}

}  // namespace
}  // namespace cascade::cli::bench
