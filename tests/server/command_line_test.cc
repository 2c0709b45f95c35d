// SPDX-License-Identifier: Apache-2.0
// What the real binary says to command lines that serve nothing.
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/server_process.h"
#include "tests/support/temp_dir.h"

namespace cascade::server {
namespace {

using ::cascade::testing::ServerProcess;
using ::cascade::testing::TempDir;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

TEST(CommandLineTest, HelpGoesToStdoutAndIsNoError) {
  ServerProcess process({"--help"});
  EXPECT_THAT(process.StandardOutput(), AllOf(HasSubstr("--model"), HasSubstr("--listen=")));
  EXPECT_EQ(process.Wait(), 0);
  EXPECT_EQ(process.StandardError(), "");
}

TEST(CommandLineTest, TellsItsVersion) {
  ServerProcess process({"--version"});
  EXPECT_THAT(process.StandardOutput(), MatchesRegex("cascade-server [0-9.]+\n"));
  EXPECT_EQ(process.Wait(), 0);
}

TEST(CommandLineTest, WhatIsWrongIsOneLineAndOne) {
  const TempDir empty;
  const struct {
    std::vector<std::string> arguments;
    std::string message;
  } cases[] = {
      {{}, "--model is missing"},
      {{"--model=m", "--threads=0"}, "--threads=0"},
      {{"--model=m", "here"}, "unexpected argument 'here'"},
      {{"--model=m", "--listen=nowhere"}, "'nowhere' is not HOST:PORT"},
      {{"--model=/does/not/exist", "--listen=127.0.0.1:0", "--log_level=off"},
       "/does/not/exist/config.json"},
      {{"--model=" + empty.path(), "--listen=127.0.0.1:0", "--log_level=off"},
       empty.path() + "/config.json"},
  };
  for (const auto& c : cases) {
    ServerProcess process(c.arguments);
    EXPECT_EQ(process.Wait(), 1);
    EXPECT_THAT(process.StandardError(),
                AllOf(HasSubstr(c.message), MatchesRegex("cascade-server: [^\n]+\n")));
  }
}

TEST(CommandLineTest, UnknownFlagsAndNumbersThatAreNoneAreRefused) {
  for (const std::string flag : {"--colour=red", "--max_running=many"}) {
    ServerProcess process({"--model=m", flag});
    EXPECT_EQ(process.Wait(), 1);
    EXPECT_THAT(process.StandardError(), HasSubstr(flag.substr(2, flag.find('=') - 2)));
  }
}

}  // namespace
}  // namespace cascade::server
