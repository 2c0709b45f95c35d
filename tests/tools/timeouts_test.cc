// SPDX-License-Identifier: Apache-2.0
// How long the subcommands wait for a server.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/tools/command_test.h"
#include "tools/cascade/commands.h"

namespace cascade::cli {
namespace {

using ::testing::HasSubstr;

using TimeoutsTest = CommandTest;

TEST_F(TimeoutsTest, EveryCallHasADeadlineUnlessTheUserWantsNone) {
  using std::chrono::system_clock;
  StartServer();
  const auto before = system_clock::now();
  EXPECT_EQ(Run(MakeGenerateCommand(), {"Once"}), ExitCode::kOk);
  EXPECT_GT(service_.deadline, before + std::chrono::minutes(9));  // gRPC rounds it
  EXPECT_LT(service_.deadline, system_clock::now() + std::chrono::minutes(11));
  EXPECT_EQ(Run(MakeGenerateCommand(), {"Once", "--timeout=0"}), ExitCode::kOk);
  EXPECT_EQ(service_.deadline, system_clock::time_point::max());
  EXPECT_EQ(Run(MakeGenerateCommand(), {"Once", "--timeout=-1s"}), ExitCode::kUsage);
}

TEST_F(TimeoutsTest, ASilentServerIsGivenUp) {
  StartServer();
  EXPECT_EQ(Run(MakeGenerateCommand(), {"silence", "--timeout=50ms"}), ExitCode::kFailed);
  EXPECT_THAT(err_.str(), HasSubstr("DEADLINE_EXCEEDED"));
  EXPECT_THAT(err_.str(), HasSubstr("--timeout is 50ms; --timeout=0 waits for ever."));
}

// A server that takes connections and never says a word: not even HTTP/2's first.
TEST_F(TimeoutsTest, NoCommandWaitsForAServerThatSaysNothing) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(bind(listener, generic, size), 0);
  ASSERT_EQ(listen(listener, 16), 0);
  ASSERT_EQ(getsockname(listener, generic, &size), 0);
  port_ = ntohs(address.sin_port);
  const std::string timeout = "--timeout=50ms";
  EXPECT_EQ(Run(MakeGenerateCommand(), {"Once", timeout}), ExitCode::kFailed);
  EXPECT_EQ(Run(MakeTokenizeCommand(), {"Once", timeout}), ExitCode::kFailed);
  EXPECT_EQ(Run(MakeDetokenizeCommand(), {"1", timeout}), ExitCode::kFailed);
  EXPECT_EQ(Run(MakeModelCommand(), {timeout}), ExitCode::kFailed);
  EXPECT_EQ(Run(MakeHealthCommand(), {timeout}), ExitCode::kFailed);
  close(listener);
}

TEST_F(TimeoutsTest, HelpTellsTheTimeThatACallHas) {
  const auto help = [this](const std::unique_ptr<Command>& command) {
    out_.str("");
    EXPECT_EQ(Run(command, {"--help"}), ExitCode::kOk);
    return out_.str();
  };
  EXPECT_THAT(help(MakeGenerateCommand()), HasSubstr("0 is never (10m)"));
  for (const auto& make :
       {MakeTokenizeCommand, MakeDetokenizeCommand, MakeModelCommand, MakeHealthCommand}) {
    EXPECT_THAT(help(make()), HasSubstr("0 is never (30s)"));
  }
}

}  // namespace
}  // namespace cascade::cli
