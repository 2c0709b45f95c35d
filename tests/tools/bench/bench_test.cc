// SPDX-License-Identifier: Apache-2.0
// The subcommand, from its flags to what it prints.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/tools/bench/text_generation_fake.h"
#include "tools/cascade/commands.h"

namespace cascade::cli {
namespace {

using ::cascade::testing::FakeServer;
using ::cascade::testing::TextGenerationFake;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class BenchTest : public ::testing::Test {
 protected:
  // The server's threads, which live here and not in another process, must not be ended by Ctrl-C.
  BenchTest() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  }

  ExitCode Bench(std::vector<std::string> args) {
    const FakeServer server(service_);
    args.push_back(absl::StrCat("--server=", server.address()));
    return RunCommand(*MakeBenchCommand(), args, console_);
  }

  void ExpectUsage(const std::vector<std::string>& args, const std::string& complaint) {
    err_.str("");
    EXPECT_EQ(Bench(args), ExitCode::kUsage);
    EXPECT_THAT(err_.str(), HasSubstr(complaint));
    EXPECT_EQ(out_.str(), "");
    EXPECT_EQ(service_.calls(), 0U);
  }

  std::istringstream in_;
  std::ostringstream out_;
  std::ostringstream err_;
  Console console_{in_, out_, err_};
  TextGenerationFake service_;
};

TEST_F(BenchTest, PrintsAReport) {
  EXPECT_EQ(Bench({"--requests=5", "--concurrency=2"}), ExitCode::kOk);
  EXPECT_THAT(out_.str(), StartsWith("fake at 127.0.0.1:"));
  EXPECT_THAT(out_.str(), HasSubstr("5 OK\n"));
  EXPECT_EQ(err_.str(), "");
}

TEST_F(BenchTest, ASweepReportsEveryRunAndThenATable) {
  EXPECT_EQ(Bench({"--requests=2", "--concurrency=1,2"}), ExitCode::kOk);
  EXPECT_THAT(out_.str(), HasSubstr(": closed loop, 1 stream\n"));
  EXPECT_THAT(out_.str(), HasSubstr(": closed loop, 2 streams\n"));
  EXPECT_THAT(out_.str(), HasSubstr("\nclosed loop, 2 streams  "));
}

TEST_F(BenchTest, JsonIsALineForEachRunAndNothingElse) {
  EXPECT_EQ(Bench({"--requests=2", "--rate=500,1000", "--json"}), ExitCode::kOk);
  const std::vector<std::string> lines = absl::StrSplit(out_.str(), '\n');
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(nlohmann::json::parse(lines[0])["settings"]["rate"], 500.0);
  EXPECT_EQ(nlohmann::json::parse(lines[1])["requests"]["by_code"]["OK"], 2);
}

TEST_F(BenchTest, JsonAlsoGoesToAFile) {
  const std::string file = absl::StrCat(::testing::TempDir(), "bench_test.", getpid(), ".json");
  EXPECT_EQ(Bench({"--requests=2", "--json_file", file}), ExitCode::kOk);
  EXPECT_THAT(out_.str(), HasSubstr("2 OK\n"));
  std::ifstream in(file);
  EXPECT_EQ(nlohmann::json::parse(in)["requests"]["started"], 2);
  unlink(file.c_str());
}

TEST_F(BenchTest, RunsOfASweepSendTheSameRequestsButShareNoCache) {
  Bench({"--requests=3", "--concurrency=1,1"});
  const std::vector<v1::GenerateRequest> requests = service_.requests();
  ASSERT_EQ(requests.size(), 6U);
  EXPECT_EQ(requests[1].token_ids().ids(2), requests[4].token_ids().ids(2));
  EXPECT_EQ(requests[1].sampling().seed(), requests[4].sampling().seed());
  EXPECT_EQ(requests[0].cache().salt(), requests[2].cache().salt());
  EXPECT_NE(requests[0].cache().salt(), requests[3].cache().salt());
}

TEST_F(BenchTest, ASaltMayBeNamed) {
  Bench({"--requests=1", "--concurrency=1,1", "--cache_salt=mine"});
  for (const v1::GenerateRequest& request : service_.requests()) {
    EXPECT_EQ(request.cache().salt(), "mine");
  }
}

TEST_F(BenchTest, RefusalsAreAResult) {
  service_.refuse = [](std::uint64_t index) {
    return index == 0 ? cascade::testing::FullFor(absl::Milliseconds(1)) : grpc::Status::OK;
  };
  EXPECT_EQ(Bench({"--requests=2"}), ExitCode::kOk);
  EXPECT_THAT(out_.str(), HasSubstr("1 RESOURCE_EXHAUSTED"));
}

TEST_F(BenchTest, OtherErrorsAreAFailure) {
  service_.refuse = [](std::uint64_t index) -> grpc::Status {
    if (index > 0) return grpc::Status::OK;
    return {grpc::StatusCode::INTERNAL, "broken"};
  };
  EXPECT_EQ(Bench({"--requests=2"}), ExitCode::kFailed);
  EXPECT_THAT(out_.str(), HasSubstr("INTERNAL: broken"));
}

TEST_F(BenchTest, ASweepEndsWhereNothingIsAnswered) {
  service_.refuse = [](std::uint64_t /*index*/) {
    return cascade::testing::FullFor(absl::Milliseconds(1));
  };
  EXPECT_EQ(Bench({"--requests=1", "--rate=100,200,300"}), ExitCode::kFailed);
  EXPECT_EQ(service_.calls(), 1U);
}

TEST_F(BenchTest, CtrlCPrintsWhatThereIs) {
  service_.endless = true;
  service_.wait_for = 2;
  service_.on_all_here = [] { kill(getpid(), SIGINT); };
  EXPECT_EQ(Bench({"--concurrency=2,2", "--duration=1h"}), ExitCode::kInterrupted);
  EXPECT_THAT(out_.str(), HasSubstr("requests      2 in"));
  EXPECT_THAT(out_.str(), HasSubstr("2 interrupted"));
  EXPECT_THAT(err_.str(), HasSubstr("interrupted"));
  EXPECT_EQ(service_.calls(), 2U);
}

TEST_F(BenchTest, ProgressIsWrittenOverOnATerminalAndGoneInTheEnd) {
  console_.err_is_terminal = true;
  EXPECT_EQ(Bench({"--requests=1"}), ExitCode::kOk);
  EXPECT_EQ(err_.str().substr(err_.str().rfind('\r')), "\r\x1b[K");
}

TEST_F(BenchTest, AWrongCommandLineSendsNothing) {
  ExpectUsage({"x"}, "takes no arguments");
  ExpectUsage({"--rate=1", "--concurrency=1"}, "either --rate (open loop) or --concurrency");
  ExpectUsage({"--concurrency=1,0"}, "--concurrency: \"1,0\"");
  ExpectUsage({"--rate=-1"}, "\"-1\" is not a number above 0");
  ExpectUsage({"--rate=nan"}, "\"nan\" is not a number above 0");
  ExpectUsage({"--prompt_tokens=normal:3"}, "uniform:16-256");
  ExpectUsage({"--requests=0"}, "--requests must be at least 1");
  ExpectUsage({"--duration=0"}, "--duration must be above 0");
  ExpectUsage({"--connections=0"}, "--connections is a number from 1 to 1000");
  ExpectUsage({"--max_in_flight=0"}, "--max_in_flight must be at least 1");
  ExpectUsage({"--cancel_rate=2"}, "--cancel_rate is a share");
  ExpectUsage({"--prompt_tokens=600"}, "fake takes prompts of 511 tokens");
  ExpectUsage({"--json_file=/no/such/folder/x"}, "cannot write /no/such/folder/x");
}

TEST_F(BenchTest, AServerThatIsNotThereIsNamed) {
  const std::vector<std::string> args = {"--server=127.0.0.1:1"};
  EXPECT_EQ(RunCommand(*MakeBenchCommand(), args, console_), ExitCode::kFailed);
  EXPECT_THAT(err_.str(), HasSubstr("no server answers at 127.0.0.1:1"));
}

}  // namespace
}  // namespace cascade::cli
