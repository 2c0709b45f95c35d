// SPDX-License-Identifier: Apache-2.0
// The subcommands against a server of the test's own, over TCP.
#include "tools/cascade/commands.h"

#include <cstdlib>
#include <streambuf>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/grpc/request/limits.h"
#include "tests/tools/command_test.h"
#include "tools/cascade/text.h"

namespace cascade::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

using CommandsTest = CommandTest;

TEST_F(CommandsTest, GenerateStreamsTheText) {
  StartServer();
  EXPECT_EQ(Run(MakeGenerateCommand(), {"Once"}), ExitCode::kOk) << err_.str();
  EXPECT_EQ(out_.str(), " a b\n");
  EXPECT_EQ(service_.generate_request.text(), "Once");
}

TEST_F(CommandsTest, GenerateSendsOnlyWhatIsGiven) {
  StartServer();
  Run(MakeGenerateCommand(), {"Once"});
  const v1::GenerateRequest& request = service_.generate_request;
  EXPECT_FALSE(request.sampling().has_temperature());
  EXPECT_TRUE(request.sampling().has_seed());  // drawn here, so that the answer can go on elsewhere
  EXPECT_FALSE(request.stopping().has_max_new_tokens());
  EXPECT_FALSE(request.has_truncation());
}

TEST_F(CommandsTest, GenerateSendsEveryFlag) {
  StartServer();
  Run(MakeGenerateCommand(), {"--temperature=0",
                              "--top_k=3",
                              "--top_p=0.5",
                              "--min_p=0.25",
                              "--seed=9",
                              "--max_new_tokens=5",
                              "--min_new_tokens=2",
                              "--stop=x",
                              "--stop=y",
                              "--stop_token_ids=4,5",
                              "--include_stop",
                              "--ignore_eos",
                              "--token_ids=1,2",
                              "--parse_special_tokens",
                              "--max_prompt_tokens=6",
                              "--logprobs",
                              "--candidates=2",
                              "--candidate_ids=7,8",
                              "--processed",
                              "--report_token_ids",
                              "--choice_temperature=0",
                              "--choice_temperature=0.5",
                              "--request_id=r"});
  const v1::GenerateRequest& request = service_.generate_request;
  EXPECT_EQ(request.sampling().temperature(), 0.0F);
  EXPECT_TRUE(request.sampling().has_temperature());
  EXPECT_EQ(request.sampling().top_k(), 3U);
  EXPECT_EQ(request.sampling().top_p(), 0.5F);
  EXPECT_EQ(request.sampling().min_p(), 0.25F);
  EXPECT_EQ(request.sampling().seed(), 9U);
  EXPECT_EQ(request.stopping().max_new_tokens(), 5U);
  EXPECT_EQ(request.stopping().min_new_tokens(), 2U);
  EXPECT_THAT(request.stopping().stop(), ElementsAre("x", "y"));
  EXPECT_THAT(request.stopping().stop_token_ids(), ElementsAre(4, 5));
  EXPECT_TRUE(request.stopping().include_stop());
  EXPECT_TRUE(request.stopping().ignore_eos());
  EXPECT_THAT(request.token_ids().ids(), ElementsAre(1, 2));
  EXPECT_TRUE(request.parse_special_tokens());
  EXPECT_EQ(request.truncation().max_prompt_tokens(), 6U);
  EXPECT_TRUE(request.response().logprobs());
  EXPECT_EQ(request.response().candidates(), 2U);
  EXPECT_THAT(request.response().candidate_ids(), ElementsAre(7, 8));
  EXPECT_EQ(request.response().distribution(), v1::ResponseOptions::DISTRIBUTION_PROCESSED);
  EXPECT_TRUE(request.response().token_ids());
  EXPECT_EQ(request.sampling().n(), 2U);
  ASSERT_EQ(request.sampling().per_choice_size(), 2);
  EXPECT_TRUE(request.sampling().per_choice(0).has_temperature());
  EXPECT_EQ(request.sampling().per_choice(1).temperature(), 0.5F);
  EXPECT_EQ(request.request_id(), "r");
}

TEST_F(CommandsTest, LogProbabilitiesComeWithTheBytesOfTheirTokens) {
  StartServer();
  for (const char* flag : {"--logprobs", "--prompt_logprobs"}) {
    Run(MakeGenerateCommand(), {flag, "x"});
    EXPECT_TRUE(service_.generate_request.response().bytes()) << flag;
  }
  Run(MakeGenerateCommand(), {"x"});
  EXPECT_FALSE(service_.generate_request.response().bytes());
}

TEST_F(CommandsTest, ShadesAreForTerminalsWhoseUsersWantColours) {
  StartServer();
  setenv("TERM", "xterm", 1);  // NOLINT(concurrency-mt-unsafe)
  unsetenv("NO_COLOR");        // NOLINT(concurrency-mt-unsafe)
  const auto asks_when = [this](bool is_terminal) {
    console_.out_is_terminal = is_terminal;
    EXPECT_EQ(Run(MakeGenerateCommand(), {"--show_logprobs", "x"}), ExitCode::kOk);
    return service_.generate_request.response().logprobs();
  };
  EXPECT_FALSE(asks_when(false));
  EXPECT_EQ(out_.str(), " a b\n");
  EXPECT_TRUE(asks_when(true));
  EXPECT_TRUE(service_.generate_request.response().bytes());
  setenv("NO_COLOR", "1", 1);  // NOLINT(concurrency-mt-unsafe)
  EXPECT_FALSE(asks_when(true));
  unsetenv("NO_COLOR");       // NOLINT(concurrency-mt-unsafe)
  setenv("TERM", "dumb", 1);  // NOLINT(concurrency-mt-unsafe)
  EXPECT_FALSE(asks_when(true));
  setenv("TERM", "xterm", 1);  // NOLINT(concurrency-mt-unsafe)
  EXPECT_EQ(Run(MakeGenerateCommand(), {"--show_logprobs", "--json", "x"}), ExitCode::kUsage);
  EXPECT_THAT(err_.str(), HasSubstr("with --json, use --logprobs"));
}

TEST_F(CommandsTest, GenerateAsksForTruncation) {
  StartServer();
  Run(MakeGenerateCommand(), {"--truncate", "x"});
  EXPECT_TRUE(service_.generate_request.has_truncation());
  EXPECT_FALSE(service_.generate_request.truncation().has_max_prompt_tokens());
}

TEST_F(CommandsTest, GenerateReadsThePromptFromStandardInput) {
  StartServer();
  Run(MakeGenerateCommand(), {"-"});
  EXPECT_EQ(service_.generate_request.text(), "from standard input");
}

TEST_F(CommandsTest, ANewlineAtTheEndOfStandardInputIsNotPartOfTheText) {
  StartServer();
  in_.str("Once\n\n");
  Run(MakeGenerateCommand(), {"-"});
  EXPECT_EQ(service_.generate_request.text(), "Once\n");
  in_.clear();
  in_.str("Once\r\n");
  Run(MakeTokenizeCommand(), {"-"});
  EXPECT_EQ(service_.tokenize_request.text(), "Once");
  in_.clear();
  in_.str("Once\r\n");
  Run(MakeTokenizeCommand(), {"-", "--keep_newline"});
  EXPECT_EQ(service_.tokenize_request.text(), "Once\r\n");
}

TEST_F(CommandsTest, DetokenizeReadsStandardInput) {
  StartServer();
  in_.str("306, 11\n262\n");
  EXPECT_EQ(Run(MakeDetokenizeCommand(), {"-"}), ExitCode::kOk);
  EXPECT_THAT(service_.detokenize_request.token_ids(), ElementsAre(306, 11, 262));
  in_.clear();
  in_.str(std::string(8 * kMaxTextBytes + 1, ' '));
  EXPECT_EQ(Run(MakeDetokenizeCommand(), {"-"}), ExitCode::kUsage);
  EXPECT_THAT(err_.str(), HasSubstr("standard input has more than 4194304 bytes"));
}

TEST_F(CommandsTest, CompletionKnowsItsShells) {
  const Commands none;
  EXPECT_EQ(RunCommand(*MakeCompletionCommand(none), {{"bash"}}, console_), ExitCode::kOk);
  EXPECT_THAT(out_.str(), HasSubstr("complete -o default -F _cascade cascade"));
  EXPECT_EQ(RunCommand(*MakeCompletionCommand(none), {{"ksh"}}, console_), ExitCode::kUsage);
  EXPECT_THAT(err_.str(), HasSubstr("\"ksh\" is not a SHELL it knows: bash, zsh or fish"));
}

TEST_F(CommandsTest, StopStringsHaveEscapes) {
  StartServer();
  Run(MakeGenerateCommand(), {"x", R"(--stop=\n\n)", R"(--stop=\\ \x41\u00e9)"});
  EXPECT_THAT(service_.generate_request.stopping().stop(),
              ::testing::ElementsAre("\n\n", "\\ A\u00e9"));
  service_.generate_request.Clear();
  Run(MakeGenerateCommand(), {"x", R"(--stop=\x0aEnd)"});
  EXPECT_THAT(service_.generate_request.stopping().stop(), ::testing::ElementsAre("\nEnd"));
  for (const char* wrong :
       {R"(\q)", R"(\101)", R"(\x4)", R"(\u00)", R"(\xzz)", R"(\)", R"(\xff)"}) {
    EXPECT_EQ(Run(MakeGenerateCommand(), {"x", absl::StrCat("--stop=", wrong)}), ExitCode::kUsage)
        << wrong;
  }
}

TEST_F(CommandsTest, GenerateReadsNoMoreThanAServerTakes) {
  StartServer();
  EXPECT_EQ(kMaxTextBytes, server::kMaxTextBytes);
  in_.str(std::string(kMaxTextBytes, 'x'));
  EXPECT_EQ(Run(MakeGenerateCommand(), {"-"}), ExitCode::kOk);
  EXPECT_EQ(service_.generate_request.text().size(), kMaxTextBytes);
  service_.generate_request.Clear();
  in_.clear();  // it is at its end
  in_.str(std::string(kMaxTextBytes + 1, 'x'));
  EXPECT_EQ(Run(MakeGenerateCommand(), {"-"}), ExitCode::kUsage);
  EXPECT_THAT(err_.str(), HasSubstr("standard input has more than 524288 bytes"));
  EXPECT_EQ(service_.generate_request.text(), "");
}

TEST_F(CommandsTest, GenerateDoesNotReadStandardInputToAnEndThatNeverComes) {
  // An endless stream, as /dev/zero is.
  class Endless : public std::streambuf {
    int_type underflow() override {
      setg(block_, block_, block_ + sizeof(block_));
      return traits_type::to_int_type(*block_);
    }
    char block_[512] = {};
  } endless;
  std::istream in(&endless);
  Console console{in, out_, err_, false};
  EXPECT_EQ(RunCommand(*MakeGenerateCommand(), std::vector<std::string>{"-"}, console),
            ExitCode::kUsage);
  EXPECT_THAT(err_.str(), HasSubstr("standard input has more than"));
}

TEST_F(CommandsTest, AStreamThatEndsEarlyIsAFailure) {
  StartServer();
  for (const std::string prompt : {"no finish", "no summary"}) {
    for (const std::string format : {"--json=false", "--json"}) {
      err_.str("");
      EXPECT_EQ(Run(MakeGenerateCommand(), {prompt, format}), ExitCode::kFailed) << prompt;
      EXPECT_THAT(err_.str(), HasSubstr("cascade: DATA_LOSS: the stream ended early"));
    }
  }
}

TEST_F(CommandsTest, GeneratePrintsJsonLines) {
  StartServer();
  Run(MakeGenerateCommand(), {"--json", "Once"});
  EXPECT_EQ(out_.str(),
            "{\"prompt\":{}}\n{\"delta\":{\"text\":\" a\"}}\n{\"delta\":{\"text\":\" b\"}}\n"
            "{\"finish\":{}}\n{\"summary\":{}}\n");
}

TEST_F(CommandsTest, CtrlCCancelsTheCall) {
  StartServer();
  EXPECT_EQ(Run(MakeGenerateCommand(), {"wait"}), ExitCode::kInterrupted);
  EXPECT_THAT(err_.str(), HasSubstr("interrupted"));
}

TEST_F(CommandsTest, AFailedCallSaysWhy) {
  StartServer();
  EXPECT_EQ(Run(MakeGenerateCommand(), {"refuse"}), ExitCode::kFailed);
  EXPECT_EQ(err_.str(), "cascade: RESOURCE_EXHAUSTED: full\n");
  EXPECT_EQ(out_.str(), "");
}

TEST_F(CommandsTest, AServerThatIsNotThereIsNamedWithAWayOut) {
  port_ = 1;
  EXPECT_EQ(Run(MakeModelCommand(), {}), ExitCode::kFailed);
  EXPECT_THAT(err_.str(), HasSubstr("no server answers at 127.0.0.1:1"));
  EXPECT_THAT(err_.str(), HasSubstr("make run"));
}

TEST_F(CommandsTest, AWrongCommandLineSendsNothing) {
  EXPECT_EQ(Run(MakeGenerateCommand(), {}), ExitCode::kUsage);
  EXPECT_EQ(Run(MakeGenerateCommand(), {"Once", "upon"}), ExitCode::kUsage);
  EXPECT_EQ(Run(MakeGenerateCommand(), {"Once", "--token_ids=1"}), ExitCode::kUsage);
  EXPECT_EQ(Run(MakeGenerateCommand(), {"--no_such_flag"}), ExitCode::kUsage);
  EXPECT_EQ(Run(MakeTokenizeCommand(), {}), ExitCode::kUsage);
  EXPECT_EQ(Run(MakeDetokenizeCommand(), {"x"}), ExitCode::kUsage);
  EXPECT_EQ(Run(MakeModelCommand(), {"x"}), ExitCode::kUsage);
  EXPECT_EQ(Run(MakeHealthCommand(), {"x"}), ExitCode::kUsage);
  EXPECT_EQ(Run(MakeStatusCommand(), {"x"}), ExitCode::kUsage);
  EXPECT_EQ(Run(MakeAbortCommand(), {}), ExitCode::kUsage);
}

TEST_F(CommandsTest, APromptThatIsNotUtf8IsRefused) {
  in_.str("\xFF");
  EXPECT_EQ(Run(MakeGenerateCommand(), {"-"}), ExitCode::kUsage);
}

TEST_F(CommandsTest, TokenizeShowsIdsAndPieces) {
  StartServer();
  EXPECT_EQ(Run(MakeTokenizeCommand(), {"Once"}), ExitCode::kOk);
  EXPECT_EQ(out_.str(), "   306  \"Once\"\n     7  \"\\xc3\"\n");
}

TEST_F(CommandsTest, TokenizeShowsIdsAlone) {
  StartServer();
  Run(MakeTokenizeCommand(), {"Once", "--ids"});
  EXPECT_EQ(out_.str(), "306 7\n");
}

TEST_F(CommandsTest, DetokenizeGivesAPipeTheRawBytes) {
  StartServer();
  EXPECT_EQ(Run(MakeDetokenizeCommand(), {"1", "2,3"}), ExitCode::kOk);
  EXPECT_THAT(service_.detokenize_request.token_ids(), ElementsAre(1, 2, 3));
  EXPECT_EQ(out_.str(), "\xC3\n");
}

TEST_F(CommandsTest, DetokenizeGivesATerminalText) {
  StartServer();
  console_.out_is_terminal = true;
  Run(MakeDetokenizeCommand(), {"1"});
  EXPECT_EQ(out_.str(), "\xEF\xBF\xBD\n");
}

TEST_F(CommandsTest, ModelShowsATable) {
  StartServer();
  EXPECT_EQ(Run(MakeModelCommand(), {}), ExitCode::kOk);
  EXPECT_THAT(out_.str(), HasSubstr("name          tales\n"));
  EXPECT_THAT(out_.str(), HasSubstr("8 layers"));
}

TEST_F(CommandsTest, ModelShowsJson) {
  StartServer();
  Run(MakeModelCommand(), {"--json"});
  EXPECT_EQ(out_.str(), "{\"name\":\"tales\",\"architecture\":{\"n_layer\":8}}\n");
}

TEST_F(CommandsTest, StatusShowsATable) {
  StartServer();
  EXPECT_EQ(Run(MakeStatusCommand(), {}), ExitCode::kOk);
  EXPECT_THAT(out_.str(), HasSubstr("running       3 answers"));
  EXPECT_THAT(out_.str(), HasSubstr("KV cache      25 % of 1000 tokens held"));
}

TEST_F(CommandsTest, StatusShowsJson) {
  StartServer();
  Run(MakeStatusCommand(), {"--json"});
  EXPECT_EQ(out_.str(), "{\"running\":3,\"kv_cache\":{\"used\":0.25,\"tokens\":\"1000\"}}\n");
}

TEST_F(CommandsTest, AbortPrintsWhatWasThereAndFailsIfSomethingWasNot) {
  StartServer();
  EXPECT_EQ(Run(MakeAbortCommand(), {"there"}), ExitCode::kOk);
  EXPECT_EQ(out_.str(), "there\n");
  EXPECT_EQ(err_.str(), "");
  EXPECT_EQ(Run(MakeAbortCommand(), {"there", "gone"}), ExitCode::kFailed);
  EXPECT_EQ(out_.str(), "there\nthere\n");
  EXPECT_EQ(err_.str(), "cascade: you have no request \"gone\" that is running or waiting\n");
}

TEST_F(CommandsTest, GenerateSendsWhatItsFlagsSayOfSampling) {
  StartServer();
  EXPECT_EQ(Run(MakeGenerateCommand(),
                {"Once", "--n=2", "--typical_p=0.5", "--repetition_penalty=1.5",
                 "--penalize_prompt=false", "--no_repeat_ngram_size=3", "--dry_multiplier=0.8",
                 "--dry_breaker=\\n", "--logit_bias=5:-1.5", "--logit_bias=6:2",
                 "--banned_token_ids=7,8", "--banned_word=king", "--length_penalty=20:1.05"}),
            ExitCode::kOk);
  const v1::GenerateRequest& request = service_.generate_request;
  EXPECT_EQ(request.sampling().n(), 2U);
  EXPECT_EQ(request.sampling().typical_p(), 0.5F);
  EXPECT_EQ(request.penalties().repetition(), 1.5F);
  EXPECT_TRUE(request.penalties().has_count_prompt());
  EXPECT_EQ(request.penalties().no_repeat_ngram_size(), 3U);
  EXPECT_THAT(request.penalties().dry().breakers(), ElementsAre("\n"));
  EXPECT_EQ(request.token_rules().bias().at(5), -1.5F);
  EXPECT_EQ(request.token_rules().bias().at(6), 2.0F);
  EXPECT_THAT(request.token_rules().banned(), ElementsAre(7, 8));
  EXPECT_THAT(request.token_rules().banned_words(), ElementsAre("king"));
  EXPECT_EQ(request.stopping().length_penalty().start(), 20U);
  EXPECT_EQ(request.stopping().length_penalty().factor(), 1.05F);
}

TEST_F(CommandsTest, APairOfNumbersThatCannotBeReadIsNamed) {
  EXPECT_EQ(Run(MakeGenerateCommand(), {"Once", "--logit_bias=5"}), ExitCode::kUsage);
  EXPECT_THAT(err_.str(), HasSubstr("--logit_bias: \"5\" is not of the form ID:BIAS"));
  EXPECT_EQ(Run(MakeGenerateCommand(), {"Once", "--length_penalty=x:1"}), ExitCode::kUsage);
}

TEST_F(CommandsTest, HealthExitsByWhatItHears) {
  StartServer();
  EXPECT_EQ(Run(MakeHealthCommand(), {}), ExitCode::kOk);
  EXPECT_EQ(out_.str(), "SERVING\n");
  EXPECT_EQ(Run(MakeHealthCommand(), {"--service="}), ExitCode::kFailed);
}

TEST_F(CommandsTest, TheEnvironmentMayNameTheServer) {
  setenv("CASCADE_SERVER", "127.0.0.1:2", 1);  // NOLINT(concurrency-mt-unsafe): one thread
  EXPECT_EQ(RunCommand(*MakeModelCommand(), {}, console_), ExitCode::kFailed);
  unsetenv("CASCADE_SERVER");  // NOLINT(concurrency-mt-unsafe)
  EXPECT_THAT(err_.str(), HasSubstr("no server answers at 127.0.0.1:2"));
}

// So that what checks a server's health in its container follows the server's own setting.
TEST_F(CommandsTest, TheServersOwnVariableTellsWhereItIs) {
  const auto asks = [this](const char* listen, const char* server = nullptr) {
    setenv("CASCADE_LISTEN", listen, 1);                         // NOLINT(concurrency-mt-unsafe)
    if (server != nullptr) setenv("CASCADE_SERVER", server, 1);  // NOLINT(concurrency-mt-unsafe)
    err_.str("");
    EXPECT_EQ(RunCommand(*MakeHealthCommand(), {{"--timeout=5s"}}, console_), ExitCode::kFailed);
    unsetenv("CASCADE_LISTEN");  // NOLINT(concurrency-mt-unsafe)
    unsetenv("CASCADE_SERVER");  // NOLINT(concurrency-mt-unsafe)
    return err_.str();
  };
  EXPECT_THAT(asks("127.0.0.1:2"), HasSubstr("no server answers at 127.0.0.1:2"));
  EXPECT_THAT(asks("0.0.0.0:2"), HasSubstr("no server answers at localhost:2"));
  EXPECT_THAT(asks("[::]:2"), HasSubstr("no server answers at localhost:2"));
  EXPECT_THAT(asks("unix:/no/socket,0.0.0.0:2"), HasSubstr("no server answers at unix:/no/socket"));
  EXPECT_THAT(asks("unix:/no/socket:0"), HasSubstr("no server answers at unix:/no/socket:0"));
  EXPECT_THAT(asks("0.0.0.0:2", "127.0.0.1:3"), HasSubstr("no server answers at 127.0.0.1:3"));
}

TEST_F(CommandsTest, AnOutputThatCannotBeWrittenIsAFailure) {
  StartServer();
  out_.setstate(std::ios::badbit);  // a full disk
  EXPECT_EQ(Run(MakeHealthCommand(), {}), ExitCode::kFailed);
  EXPECT_THAT(err_.str(), HasSubstr("cannot be written"));
}

TEST_F(CommandsTest, HelpShowsFlagsAndExamples) {
  EXPECT_EQ(Run(MakeGenerateCommand(), {"--help"}), ExitCode::kOk);
  EXPECT_THAT(out_.str(), HasSubstr("--temperature=T"));
  EXPECT_THAT(out_.str(), HasSubstr("cascade generate \"Once upon a time\""));
}

}  // namespace
}  // namespace cascade::cli
