// SPDX-License-Identifier: Apache-2.0
// cascade bench against the real server with the bundled model: what it counts must add up, and
// agree with what the server says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <sstream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/server/served.h"
#include "tests/support/source_path.h"
#include "tools/cascade/commands.h"

namespace cascade::cli {
namespace {

using ::cascade::testing::Served;
using ::nlohmann::json;

class BenchServerTest : public ::testing::Test {
 protected:
  BenchServerTest() : served_(testing::BundledModelFolder()) {}

  json Bench(std::vector<std::string> args) {
    args.insert(args.end(),
                {"--json", "--ignore_eos", absl::StrCat("--server=", served_.server().address())});
    std::istringstream in;
    std::ostringstream out;
    std::ostringstream err;
    Console console{in, out, err};
    EXPECT_EQ(RunCommand(*MakeBenchCommand(), args, console), ExitCode::kOk) << err.str();
    return json::parse(out.str());
  }

  Served served_;
};

// Sums that hold for every run, whatever its load.
void ExpectConsistent(const json& report) {
  std::uint64_t ended = report["requests"]["cancelled"];
  for (const auto& [code, count] : report["requests"]["by_code"].items()) {
    ended += count.get<std::uint64_t>();
  }
  EXPECT_EQ(ended, report["requests"]["started"]);
  const json& tokens = report["tokens"];
  EXPECT_LE(tokens["in_answers"], tokens["generated"]);
  EXPECT_LE(tokens["messages"], tokens["generated"]);
  EXPECT_LE(tokens["cached"], tokens["prompt"]);
  for (const auto& [name, times] : report["latency"].items()) {
    EXPECT_LE(times["min"], times["p50"]) << name;
    EXPECT_LE(times["p50"], times["p90"]) << name;
    EXPECT_LE(times["p90"], times["p99"]) << name;
    EXPECT_LE(times["p99"], times["max"]) << name;
  }
}

TEST_F(BenchServerTest, AClosedLoopCountsEveryTokenThatWasAskedFor) {
  const json report =
      Bench({"--requests=24", "--concurrency=6", "--prompt_tokens=40", "--output_tokens=12"});
  ExpectConsistent(report);
  EXPECT_EQ(report["requests"]["by_code"], json({{"OK", 24}}));
  EXPECT_EQ(report["tokens"]["prompt"], 24 * 40);
  EXPECT_EQ(report["tokens"]["cached"], 0);
  EXPECT_EQ(report["tokens"]["generated"], 24 * 12);
  EXPECT_EQ(report["tokens"]["in_answers"], 24 * 12);
  EXPECT_EQ(report["latency"]["first_token"]["count"], 24);
  EXPECT_EQ(report["latency"]["whole_answer"]["count"], 24);
  EXPECT_LE(report["latency"]["whole_answer"]["max"], report["elapsed"]);
}

TEST_F(BenchServerTest, AnOpenLoopOfAllKindsOfClientsEndsEveryRequest) {
  const json report = Bench({"--requests=40", "--rate=100", "--prompt_tokens=lognormal:20-100",
                             "--output_tokens=uniform:4-16", "--cancel_rate=0.3",
                             "--slow_readers=0.2", "--read_delay=5ms"});
  ExpectConsistent(report);
  EXPECT_EQ(report["requests"]["started"], 40);
  EXPECT_GT(report["requests"]["slow_readers"], 0);
  served_.DrainAll();
  EXPECT_TRUE(served_.EverythingIsFree());
}

TEST_F(BenchServerTest, ASharedPrefixIsFoundInTheCacheByTheSameRunAlone) {
  const std::vector<std::string> args = {"--requests=10", "--prompt_tokens=80", "--output_tokens=2",
                                         "--shared_prefix_tokens=64"};
  for (int run = 0; run < 2; ++run) {
    const json report = Bench(args);
    ExpectConsistent(report);
    EXPECT_EQ(report["tokens"]["cached"], 9 * 64);  // all but the first request's
  }
}

}  // namespace
}  // namespace cascade::cli
