// SPDX-License-Identifier: Apache-2.0
// What the real binary says to command lines that serve nothing.
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/server_process.h"
#include "tests/support/source_path.h"
#include "tests/support/temp_dir.h"

namespace cascade::server {
namespace {

using ::cascade::testing::ServerProcess;
using ::cascade::testing::TempDir;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

TEST(CommandLineTest, HelpGoesToStdoutAndIsNoError) {
  ServerProcess process({"--help"});
  EXPECT_THAT(process.StandardOutput(), AllOf(HasSubstr("--model"), HasSubstr("--listen=")));
  EXPECT_EQ(process.Wait(), 0);
  EXPECT_EQ(process.StandardError(), "");
}

TEST(CommandLineTest, TellsItsVersion) {
  ServerProcess process({"--version"});
  EXPECT_THAT(process.StandardOutput(),
              MatchesRegex("cascade-server [0-9.]+( \\([0-9a-f]+\\))?\n"));
  EXPECT_EQ(process.Wait(), 0);
}

// 2 if it is the command line, 1 if it is what the command line names.
TEST(CommandLineTest, WhatIsWrongIsOneLineAndTwoOrOne) {
  const TempDir empty;
  const struct {
    std::vector<std::string> arguments;
    std::string message;
    int exit_status = 1;
  } cases[] = {
      {{}, "--model is missing", 2},
      {{"--model=m", "--threads=0"}, "--threads=0", 2},
      {{"--model=m", "--colour=red"}, "there is no flag --colour", 2},
      {{"--model=m", "--speculate=perhaps"}, "--speculate=perhaps: must be true or false", 2},
      {{"--model=m", "here"}, "unexpected argument 'here'", 2},
      {{"--model=m", "--listen=nowhere"}, "'nowhere' is not HOST:PORT", 2},
      {{"--model=m", "--listen=unix:/does/not/exist/socket"},
       "cannot listen on unix:/does/not/exist/socket: No such file or directory"},
      {{"--model=m", "--listen=unix:" + empty.path()}, "something else than a socket"},
      {{"--model=/does/not/exist", "--listen=127.0.0.1:0", "--log_level=off"},
       "/does/not/exist/config.json"},
      {{"--model=" + empty.path(), "--listen=127.0.0.1:0", "--log_level=off"},
       empty.path() + "/config.json"},
  };
  for (const auto& c : cases) {
    ServerProcess process(c.arguments);
    EXPECT_EQ(process.Wait(), c.exit_status) << c.message;
    EXPECT_THAT(process.StandardError(),
                AllOf(HasSubstr(c.message), MatchesRegex("cascade-server: [^\n]+\n")));
  }
}

TEST(CommandLineTest, FlagsComeFromAFileAndFromTheEnvironment) {
  const TempDir folder;
  const std::string file = folder.PathOf("flags");
  std::ofstream(file) << "# a comment\n--model=m\n--threads=0\n";
  ServerProcess from_file({"--flagfile=" + file});
  EXPECT_EQ(from_file.Wait(), 2);
  EXPECT_THAT(from_file.StandardError(), HasSubstr("--threads=0"));
  // The later one counts.
  ServerProcess overridden({"--flagfile=" + file, "--threads=2", "--simd=none"});
  EXPECT_EQ(overridden.Wait(), 2);
  EXPECT_THAT(overridden.StandardError(), HasSubstr("--simd=none"));
  ServerProcess from_environment({"--model=m", "--fromenv=simd"}, {"env", "FLAGS_simd=of env"});
  EXPECT_EQ(from_environment.Wait(), 2);
  EXPECT_THAT(from_environment.StandardError(), HasSubstr("--simd=of env"));
}

// As if the command line began with it; another file on the command line takes its place.
TEST(CommandLineTest, TheEnvironmentNamesAFileOfFlags) {
  const TempDir folder;
  std::ofstream(folder.PathOf("flags")) << "--threads=2\n--simd=none\n";
  std::ofstream(folder.PathOf("other")) << "--threads=0\n";
  const std::string variable = "CASCADE_FLAGFILE=" + folder.PathOf("flags");
  const auto error_of = [](const std::vector<std::string>& arguments, const std::string& entry) {
    ServerProcess process(arguments, {"env", "CASCADE_THREADS=0", entry});
    EXPECT_EQ(process.Wait(), 2);
    return process.StandardError();
  };
  EXPECT_THAT(error_of({"--model=m"}, variable), HasSubstr("--simd=none"));
  EXPECT_THAT(error_of({"--model=m", "--simd=auto", "--drain_seconds=x"}, variable),
              HasSubstr("--drain_seconds=x"));
  EXPECT_THAT(error_of({"--model=m", "--flagfile=" + folder.PathOf("other")}, variable),
              HasSubstr("--threads=0"));
  EXPECT_THAT(error_of({"--model=m"}, "CASCADE_FLAGFILE=/does/not/exist"),
              HasSubstr("CASCADE_FLAGFILE: --flagfile=/does/not/exist: cannot be read"));
  EXPECT_THAT(error_of({"--model=m"}, "CASCADE_FLAGFILE="), HasSubstr("--threads=0"));
}

// Abseil's way to read the environment, and what is wrong in our words.
TEST(CommandLineTest, FlagsThatTheCommandLineTakesFromTheEnvironment) {
  const TempDir folder;
  std::ofstream(folder.PathOf("flags")) << "--simd=none\n";
  const std::string variable = "FLAGS_flagfile=" + folder.PathOf("flags");
  const struct {
    std::string argument;
    std::string message;
  } cases[] = {
      {"--fromenv=flagfile", "--simd=none: must be"},
      {"--fromenv=threads", "--fromenv=threads: there is no FLAGS_threads in the environment"},
      {"--fromenv=modle", "there is no FLAGS_modle in the environment"},
      {"--fromenv=fromenv", "--fromenv: is for the command line and files alone"},
      {"--tryfromenv=flagfile,threads", "--simd=none: must be"},
  };
  for (const auto& c : cases) {
    ServerProcess process({"--model=m", c.argument}, {"env", variable, "FLAGS_fromenv=fromenv"});
    EXPECT_EQ(process.Wait(), 2) << c.argument;
    EXPECT_THAT(process.StandardError(),
                AllOf(HasSubstr(c.message), MatchesRegex("cascade-server: [^\n]+\n")));
  }
}

TEST(CommandLineTest, AFileOfFlagsIsWrongAsTheCommandLineIs) {
  const TempDir folder;
  const std::string file = folder.PathOf("flags");
  std::ofstream(file) << "--model=m\n--max_queue=7\n";
  ServerProcess process({"--flagfile=" + file});
  EXPECT_EQ(process.Wait(), 2);
  EXPECT_EQ(process.StandardError(),
            "cascade-server: " + file +
                ":2: there is no flag --max_queue; is it --max_queued? `cascade-server --help` "
                "explains every flag\n");
}

TEST(CommandLineTest, TheEnvironmentHasAVariableForEachFlag) {
  ServerProcess from_environment({"--threads=0"}, {"env", "CASCADE_MODEL=m", "CASCADE_THREADS=2"});
  EXPECT_EQ(from_environment.Wait(), 2);
  EXPECT_THAT(from_environment.StandardError(), HasSubstr("--threads=0"));  // which goes before it
  ServerProcess not_read({"--model=m"}, {"env", "CASCADE_SPECULATE=perhaps"});
  EXPECT_EQ(not_read.Wait(), 2);
  EXPECT_THAT(not_read.StandardError(), HasSubstr("CASCADE_SPECULATE=perhaps: "));
}

TEST(CommandLineTest, AVariableThatSetsNoFlagIsAWarning) {
  const std::string model = testing::SourcePath("deploy/models/tales-7m");
  ServerProcess check({"--model=" + model, "--config_check"}, {"env", "CASCADE_MAX_RUNING=4"});
  EXPECT_EQ(check.Wait(), 0);
  EXPECT_THAT(check.StandardError(), HasSubstr("CASCADE_MAX_RUNING; is it CASCADE_MAX_RUNNING?"));
  ServerProcess serving({"--model=/does/not/exist", "--listen=127.0.0.1:0"},
                        {"env", "CASCADE_MAX_RUNING=4", "CASCADE_PORT=tcp://10.0.0.1:50051"});
  EXPECT_EQ(serving.Wait(), 1);
  EXPECT_THAT(serving.StandardError(),
              AllOf(HasSubstr("CASCADE_MAX_RUNING"), Not(HasSubstr("CASCADE_PORT"))));
}

TEST(CommandLineTest, PrintsWhatItsFlagsAre) {
  ServerProcess process({"--model=m", "--print_config"}, {"env", "CASCADE_MAX_QUEUED=7"});
  const std::string config = process.StandardOutput();
  EXPECT_EQ(process.Wait(), 0);
  EXPECT_THAT(config, AllOf(HasSubstr("--model=m\n"), HasSubstr("--max_queued=7\n"),
                            HasSubstr("--step_tokens=auto\n")));
  // A server reads it back.
  const TempDir folder;
  std::ofstream(folder.PathOf("flags")) << config;
  ServerProcess again({"--flagfile=" + folder.PathOf("flags"), "--print_config"});
  EXPECT_EQ(again.StandardOutput(), config);
  EXPECT_EQ(again.Wait(), 0);
}

TEST(CommandLineTest, ChecksItsConfigurationWithoutServing) {
  const TempDir folder;
  const std::string model = testing::SourcePath("deploy/models/tales-7m");
  ServerProcess good({"--model=" + model, "--config_check"});
  EXPECT_EQ(good.StandardOutput(), "");
  EXPECT_EQ(good.Wait(), 0);
  EXPECT_EQ(good.StandardError(), "");
  for (const auto& [flag, message] : std::vector<std::pair<std::string, std::string>>{
           {"--model=" + folder.path(), folder.path() + "/config.json"},
           {"--tokenizer=" + folder.path(), "has neither tokenizer.json"},
           {"--kv_cache_bytes=1KiB", "--kv_cache_bytes"},
           {"--callers_file=/does/not/exist", "--callers_file=/does/not/exist: cannot be read"},
           {"--step_tokens=2", "--step_tokens"}}) {
    ServerProcess process({"--model=" + model, "--config_check", flag});
    EXPECT_EQ(process.Wait(), 1) << flag;
    EXPECT_THAT(process.StandardError(),
                AllOf(HasSubstr(message), MatchesRegex("cascade-server: [^\n]+\n")));
  }
}

}  // namespace
}  // namespace cascade::server
