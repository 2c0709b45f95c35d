// SPDX-License-Identifier: Apache-2.0
// `cascade generate --record` and `cascade replay` against a server of the test's own, over TCP.
#include <cmath>
#include <cstdint>
#include <fstream>
#include <limits>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/support/value_or_die.h"
#include "tests/tools/command_test.h"
#include "tools/cascade/commands.h"
#include "tools/cascade/recording.h"

namespace cascade::cli {
namespace {

using ::testing::HasSubstr;
using testing::IsInvalid;
using testing::ValueOrDie;

Recording Sample() {
  Recording recording;
  recording.request.set_text("Once \"upon\"\n\xC3\xA9");
  recording.request.mutable_sampling()->set_seed(std::numeric_limits<std::uint64_t>::max());
  recording.request.mutable_sampling()->set_temperature(0.1F);
  recording.answer.mutable_prompt()->set_prompt_tokens(3);
  v1::Choice& choice = *recording.answer.add_choices();
  choice.set_text(" a\n");
  for (const std::uint32_t id : {5U, 7U}) {
    choice.add_token_ids(id);
    v1::TokenLogProbs& token = *choice.add_logprobs();
    token.set_token_id(id);
    token.set_token("\xC3");
    token.set_logprob(-1.0F / static_cast<float>(id));
    token.add_candidates()->set_logprob(-std::numeric_limits<float>::infinity());
  }
  choice.mutable_finish()->set_generated_tokens(2);
  recording.answer.mutable_summary()->set_fingerprint("abcd");
  return recording;
}

TEST(RecordingTest, ALineGivesBackEveryBit) {
  const std::string line = RecordingLine(Sample());
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  const Recording back = ValueOrDie(ParseRecording(line));
  EXPECT_EQ(back.request.SerializeAsString(), Sample().request.SerializeAsString());
  EXPECT_EQ(back.answer.SerializeAsString(), Sample().answer.SerializeAsString());
}

TEST(RecordingTest, SaysWhatIsWrongWithALine) {
  EXPECT_THAT(ParseRecording("nothing").status(), IsInvalid({"is no JSON object"}));
  EXPECT_THAT(ParseRecording("{}").status(), IsInvalid({"has no \"request\""}));
  EXPECT_THAT(ParseRecording(R"({"request": {}})").status(), IsInvalid({"has no \"answer\""}));
  EXPECT_THAT(ParseRecording(R"({"request": {"tex": "x"}, "answer": {}})").status(),
              IsInvalid({"\"request\"", "tex"}));
}

TEST(RecordingTest, FindsTheFirstDifference) {
  const auto difference = [](const auto& change) {
    v1::GenerateResponse again = Sample().answer;
    change(again);
    return DifferenceOf(Sample().answer, again);
  };
  EXPECT_EQ(difference([](auto& again) {
              again.mutable_summary()->mutable_usage()->set_cached_tokens(3);
              again.mutable_prompt()->set_cached_tokens(3);
            }),
            "");
  EXPECT_EQ(difference([](auto& again) { again.mutable_choices(0)->set_token_ids(1, 9); }),
            "choice 0, token 1: was 7, is 9");
  EXPECT_EQ(difference([](auto& again) { again.mutable_choices(0)->add_token_ids(9); }),
            "choice 0, tokens: were 2, are 3");
  EXPECT_THAT(difference([](auto& again) {
                v1::TokenLogProbs& token = *again.mutable_choices(0)->mutable_logprobs(1);
                token.set_logprob(std::nextafter(token.logprob(), 0.0F));
              }),
              HasSubstr("choice 0, log-probability 1: was"));
  EXPECT_EQ(difference([](auto& again) { again.mutable_choices(0)->set_text(" b"); }),
            "choice 0, text: was \" a\\n\", is \" b\"");
  EXPECT_THAT(difference([](auto& again) {
                again.mutable_choices(0)->mutable_finish()->set_generated_tokens(3);
              }),
              HasSubstr("choice 0, finish: was"));
  EXPECT_EQ(difference([](auto& again) { again.add_choices(); }), "answers: were 1, are 2");
  EXPECT_THAT(difference([](auto& again) { again.mutable_prompt()->set_prompt_tokens(4); }),
              HasSubstr("tokens of the prompt"));
}

class ReplayTest : public CommandTest {
 protected:
  void Record(const std::string& prompt) {
    ASSERT_EQ(Run(MakeGenerateCommand(), {"--record=" + file_, prompt}), ExitCode::kOk)
        << err_.str();
    out_.str("");
  }

  testing::TempDir folder_;
  const std::string file_ = folder_.path() + "/answers.jsonl";
};

TEST_F(ReplayTest, WhatIsTheSameIsCounted) {
  StartServer();
  Record("Once");
  Record("Twice");
  EXPECT_EQ(Run(MakeReplayCommand(), {file_}), ExitCode::kOk) << err_.str();
  EXPECT_EQ(out_.str(), "2 of 2 answers are the same, bit for bit\n");
  EXPECT_EQ(service_.generate_request.text(), "Twice");
  EXPECT_TRUE(service_.generate_request.sampling().has_seed());
  out_.str("");
  EXPECT_EQ(Run(MakeReplayCommand(), {"--json", file_}), ExitCode::kOk);
  EXPECT_EQ(out_.str(), "{\"line\": 1, \"same\": true}\n{\"line\": 2, \"same\": true}\n");
}

TEST_F(ReplayTest, WhatDiffersIsToldAndAFailure) {
  StartServer();
  Recording recording = Sample();
  recording.request.set_text("Once");
  std::ofstream(file_) << RecordingLine(recording);
  EXPECT_EQ(Run(MakeReplayCommand(), {file_}), ExitCode::kFailed);
  EXPECT_THAT(out_.str(), HasSubstr("line 1: tokens of the prompt: were 3, are 0\n"));
  EXPECT_THAT(out_.str(), HasSubstr("0 of 1 answers"));
  EXPECT_THAT(err_.str(), HasSubstr("recorded on a server of the fingerprint abcd"));
}

TEST_F(ReplayTest, SaysWhatIsWrongWithAFile) {
  StartServer();
  EXPECT_EQ(Run(MakeReplayCommand(), {folder_.path() + "/none"}), ExitCode::kUsage);
  EXPECT_THAT(err_.str(), HasSubstr("no file that can be read"));
  EXPECT_EQ(Run(MakeReplayCommand(), {"-"}), ExitCode::kFailed);  // the test's standard input
  EXPECT_THAT(err_.str(), HasSubstr("line 1: is no JSON object"));
  std::ofstream(file_) << "\n";
  EXPECT_EQ(Run(MakeReplayCommand(), {file_}), ExitCode::kFailed);
  EXPECT_THAT(err_.str(), HasSubstr("there is nothing to replay"));
  EXPECT_EQ(Run(MakeGenerateCommand(), {"--record=/nowhere/file", "x"}), ExitCode::kUsage);
}

}  // namespace
}  // namespace cascade::cli
