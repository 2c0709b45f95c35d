// SPDX-License-Identifier: Apache-2.0
// `cascade repl` against a server of the test's own, its lines from a pipe.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/tools/command_test.h"
#include "tools/cascade/commands.h"
#include "tools/cascade/repl/line_reader.h"
#include "tools/cascade/text.h"

namespace cascade::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class ReplTest : public CommandTest {
 protected:
  // Runs it on these lines; what it writes is in out_ and err_.
  ExitCode Type(const std::string& lines, const std::vector<std::string>& flags = {}) {
    if (port_ == 0) StartServer();
    in_.clear();
    in_.str(lines);
    out_.str("");
    err_.str("");
    return Run(MakeReplCommand(), flags);
  }

  const v1::GenerateRequest& asked() const { return service_.generate_request; }
};

TEST_F(ReplTest, AnswersEachLineAndTellsWhoAnswers) {
  EXPECT_EQ(Type("Once\n\nThe old\n"), ExitCode::kOk);
  EXPECT_EQ(out_.str(), " a b\n a b\n");
  EXPECT_EQ(asked().text(), "The old");
  EXPECT_EQ(err_.str(),
            absl::StrCat("tales at 127.0.0.1:", port_,
                         "; /help tells the commands, Ctrl-D ends\n"
                         "[reason 0: 0 tokens, seed 0]\n[reason 0: 0 tokens, seed 0]\n"));
}

TEST_F(ReplTest, ALineThatEndsWithABackslashGoesOnInTheNext) {
  Type("Once\\\nupon\\\na time");
  EXPECT_EQ(asked().text(), "Once\nupon\na time");
}

TEST_F(ReplTest, SettingsHoldForTheTextsAfterThem) {
  EXPECT_EQ(Type("/set temperature 0.5\n/set top-k=7\n/set stop \\n\n/set stop .\n/set ignore_eos\n"
                 "/set regex a b\n/show\nx\n"),
            ExitCode::kOk)
      << err_.str();
  EXPECT_EQ(asked().sampling().temperature(), 0.5F);
  EXPECT_EQ(asked().sampling().top_k(), 7U);
  EXPECT_THAT(asked().stopping().stop(), ElementsAre("\n", "."));
  EXPECT_TRUE(asked().stopping().ignore_eos());
  EXPECT_EQ(asked().constraint().regex(), "a b");
  EXPECT_THAT(out_.str(), StartsWith("temperature 0.5\ntop_k 7\nstop \\n\nstop .\n"));
}

TEST_F(ReplTest, SettingsCanBeTakenBack) {
  Type("/set temperature 0.5\n/set temperature 0.25\n/set stop a\n/set stop b\n/unset stop\nx\n");
  EXPECT_EQ(asked().sampling().temperature(), 0.25F);
  EXPECT_THAT(asked().stopping().stop(), IsEmpty());
  Type("/reset\n/show\nx\n", {"--temperature=0.5", "--stop=a"});
  EXPECT_FALSE(asked().sampling().has_temperature());
  EXPECT_THAT(out_.str(), StartsWith("nothing is set"));
}

TEST_F(ReplTest, TheFlagsOfTheCommandLineAreSettings) {
  Type("/show\nx\n", {"--temperature=0.5", "--stop=a", "--stop=b"});
  EXPECT_THAT(out_.str(), StartsWith("temperature 0.5\nstop a\nstop b\n"));
  EXPECT_THAT(asked().stopping().stop(), ElementsAre("a", "b"));
  EXPECT_EQ(Type("x\n", {"--temperature=warm"}), ExitCode::kUsage);
  EXPECT_THAT(err_.str(),
              StartsWith("cascade: repl: --temperature: \"warm\" is not a valid value"));
}

TEST_F(ReplTest, AWrongLineIsToldInOneAndChangesNothing) {
  const auto complaint = [this](const std::string& line) {
    EXPECT_EQ(Type(line + "\n/show\n", {"--seed=3"}), ExitCode::kFailed) << line;
    EXPECT_EQ(out_.str(), "seed 3\n") << line;
    const std::string all = err_.str();
    const std::string told = all.substr(all.find('\n') + 1);
    EXPECT_EQ(told.find('\n'), told.size() - 1) << told;
    return told;
  };
  EXPECT_THAT(complaint("/sett"), StartsWith("cascade: there is no command /sett: /help tells"));
  EXPECT_EQ(complaint("/set"), "cascade: it is /set NAME VALUE\n");
  EXPECT_EQ(complaint("/set seed"), "cascade: seed needs a value: N\n");
  EXPECT_THAT(complaint("/set warmth 1"), HasSubstr("no setting \"warmth\": `/help settings`"));
  EXPECT_THAT(complaint("/set tempature 1"),
              HasSubstr("no setting \"tempature\"; is it temperature? `/help settings`"));
  EXPECT_THAT(complaint("/set seed x"), StartsWith("cascade: seed: \"x\" is not a valid value"));
  EXPECT_THAT(complaint("/set stop \\q"), HasSubstr("is no escape"));
  EXPECT_THAT(complaint("/unset top_k"), HasSubstr("top_k is not set: `/show`"));
  EXPECT_THAT(complaint("/quit now"), HasSubstr("/quit stands alone, without \"now\""));
  EXPECT_THAT(complaint("/continue"), HasSubstr("no text to go on from"));
  EXPECT_THAT(complaint("/retry"), HasSubstr("no prompt to answer again"));
  EXPECT_THAT(complaint("/save f"), HasSubstr("nothing to save"));
  EXPECT_THAT(complaint("/help all"), HasSubstr("/help or /help settings"));
  EXPECT_THAT(complaint("\xFF"), HasSubstr("not UTF-8"));
  EXPECT_THAT(complaint(std::string(2 * kMaxTextBytes, 'x')), HasSubstr("more than 524288 bytes"));
}

TEST_F(ReplTest, ATextMayBeginWithASlash) {
  Type("//usr\n");
  EXPECT_EQ(asked().text(), "/usr");
}

TEST_F(ReplTest, ContinueGoesOnFromPromptAndAnswer) {
  Type("Once\n/continue\n");
  EXPECT_EQ(asked().text(), "Once a b");
  EXPECT_TRUE(asked().has_truncation());
  Type("Once\n/continue\n/continue\n");
  EXPECT_EQ(asked().text(), "Once a b a b");
}

TEST_F(ReplTest, TellsWhenTheModelDidNotSeeTheBeginning) {
  Type(absl::StrCat(std::string(1000, 'x'), "\n"));
  EXPECT_THAT(err_.str(), ::testing::Not(HasSubstr("too long")));
  EXPECT_EQ(Type(absl::StrCat(std::string(1000, 'x'), "\n/continue\n")), ExitCode::kOk);
  EXPECT_THAT(err_.str(), HasSubstr("did not see its first 7 tokens"));
}

TEST_F(ReplTest, RetryAsksTheSameWithAnotherSeed) {
  Type("Once\n/retry\n", {"--seed=3", "--top_k=5"});
  EXPECT_EQ(asked().text(), "Once");
  EXPECT_FALSE(asked().has_truncation());
  EXPECT_NE(asked().sampling().seed(), 3U);
  EXPECT_EQ(asked().sampling().top_k(), 5U);
  Type("Once\n/continue\n/retry\n/retry\n");
  EXPECT_EQ(asked().text(), "Once a b");
  Type("Once\n/retry\nagain\n", {"--seed=3"});
  EXPECT_EQ(asked().sampling().seed(), 3U);
}

TEST_F(ReplTest, SaveWritesANewFile) {
  const std::string path = absl::StrCat(::testing::TempDir(), "/repl_test_", getpid());
  std::filesystem::remove(path);
  EXPECT_EQ(Type(absl::StrCat("Once\n/continue\n/save ", path, "\n")), ExitCode::kOk);
  std::ifstream file(path);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "Once a b a b\n");
  EXPECT_EQ(Type(absl::StrCat("Once\n/save ", path, "\n")), ExitCode::kFailed);
  EXPECT_THAT(err_.str(), HasSubstr("is there already: name a new file"));
  EXPECT_EQ(Type(absl::StrCat("Once\n/save ", path, "/x\n")), ExitCode::kFailed);
  EXPECT_THAT(err_.str(), HasSubstr("cannot be written: Not a directory"));
  std::filesystem::remove(path);
}

TEST_F(ReplTest, CtrlCCancelsTheAnswerAndNotTheProgram) {
  EXPECT_EQ(Type("wait\nOnce\n"), ExitCode::kFailed);
  EXPECT_THAT(err_.str(), HasSubstr("cascade: interrupted\n"));
  EXPECT_EQ(asked().text(), "Once");
}

TEST_F(ReplTest, AFailedCallIsToldAndDoesNotEndIt) {
  EXPECT_EQ(Type("refuse\nOnce\n"), ExitCode::kFailed);
  EXPECT_THAT(err_.str(), HasSubstr("\ncascade: RESOURCE_EXHAUSTED: full\n"));
  EXPECT_EQ(asked().text(), "Once");
}

TEST_F(ReplTest, QuitEndsIt) {
  EXPECT_EQ(Type("/quit\nOnce\n"), ExitCode::kOk);
  EXPECT_EQ(out_.str(), "");
}

TEST_F(ReplTest, HelpKnowsTheCommandsAndTheSettings) {
  Type("/help\n");
  for (const char* command : {"/continue", "/retry", "/set NAME VALUE", "/save FILE", "/quit"}) {
    EXPECT_THAT(out_.str(), HasSubstr(command));
  }
  Type("/help settings\n");
  EXPECT_THAT(out_.str(), HasSubstr("\n  temperature=T "));
  EXPECT_THAT(out_.str(), HasSubstr("\n  json_schema=SCHEMA "));
}

TEST_F(ReplTest, JsonIsEachAnswersEvents) {
  Type("Once\n/continue\n", {"--json"});
  EXPECT_THAT(out_.str(), StartsWith("{\"prompt\":{}}\n{\"delta\":{\"text\":\" a\"}}\n"));
  EXPECT_EQ(asked().text(), "Once a b");
}

TEST_F(ReplTest, AServerThatIsNotThereIsToldBeforeAnythingIsTyped) {
  port_ = 1;
  EXPECT_EQ(Type("Once\n"), ExitCode::kFailed);
  EXPECT_THAT(err_.str(), StartsWith("cascade: no server answers at 127.0.0.1:1"));
}

TEST_F(ReplTest, TakesNoArguments) { EXPECT_EQ(Type("", {"Once"}), ExitCode::kUsage); }

}  // namespace
}  // namespace cascade::cli
