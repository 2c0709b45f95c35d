// SPDX-License-Identifier: Apache-2.0

#include "tools/cascade/event_printer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <sstream>

namespace cascade::cli {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

v1::GenerateEvent PromptEvent() {
  v1::GenerateEvent event;
  event.mutable_prompt()->set_prompt_tokens(2);
  return event;
}

v1::GenerateEvent DeltaEvent(const std::string& text) {
  v1::GenerateEvent event;
  event.mutable_delta()->set_text(text);
  return event;
}

v1::GenerateEvent FinishEvent(v1::FinishReason reason) {
  v1::GenerateEvent event;
  event.mutable_finish()->set_reason(reason);
  event.mutable_finish()->set_seed(42);
  event.mutable_finish()->set_generated_tokens(11);
  return event;
}

v1::GenerateEvent SummaryEvent() {
  v1::GenerateEvent event;
  event.mutable_summary()->mutable_usage()->set_generated_tokens(11);
  event.mutable_summary()->mutable_timings()->mutable_decode()->set_nanos(500'000'000);
  return event;
}

class EventPrinterTest : public ::testing::Test {
 protected:
  std::istringstream in_;
  std::ostringstream out_;
  std::ostringstream err_;
  Console console_{in_, out_, err_, false};
};

TEST_F(EventPrinterTest, APipeGetsTheTextAloneAndANewline) {
  const auto printer = MakeTextPrinter("Once", 1, console_);
  printer->Print(PromptEvent());
  printer->Print(DeltaEvent(" upon\x1b[2J"));
  printer->Print(DeltaEvent(" a time"));
  EXPECT_EQ(out_.str(), " upon\x1b[2J a time");
  printer->Print(FinishEvent(v1::FINISH_REASON_EOS));
  printer->Print(SummaryEvent());
  printer->End();
  EXPECT_EQ(out_.str(), " upon\x1b[2J a time\n");
}

TEST_F(EventPrinterTest, ATerminalGetsThePromptDimAndNoControlCharacters) {
  console_.out_is_terminal = true;
  const auto printer = MakeTextPrinter("Once\x07", 1, console_);
  printer->Print(PromptEvent());
  printer->Print(DeltaEvent(" upon\x1b[2J"));
  printer->End();
  EXPECT_EQ(out_.str(), "\x1b[2mOnce\xEF\xBF\xBD\x1b[0m upon\xEF\xBF\xBD[2J\n");
}

TEST_F(EventPrinterTest, TheErrorStreamTellsHowItEnded) {
  const auto printer = MakeTextPrinter("Once", 1, console_);
  printer->Print(FinishEvent(v1::FINISH_REASON_MAX_TOKENS));
  printer->Print(SummaryEvent());
  EXPECT_EQ(err_.str(), "[max_new_tokens reached: 11 tokens, 20 tokens/s, seed 42]\n");
}

TEST_F(EventPrinterTest, OfBeamsTheScoreIsToldInPlaceOfASeed) {
  const auto printer = MakeTextPrinter("Once", 1, console_);
  v1::GenerateEvent finish = FinishEvent(v1::FINISH_REASON_EOS);
  finish.mutable_finish()->set_beam_score(-1.5);
  printer->Print(finish);
  printer->Print(SummaryEvent());
  EXPECT_THAT(err_.str(), HasSubstr("tokens/s, score -1.5000]"));
}

TEST_F(EventPrinterTest, NamesTheStopThatMatched) {
  const auto printer = MakeTextPrinter("Once", 1, console_);
  v1::GenerateEvent finish = FinishEvent(v1::FINISH_REASON_STOP_STRING);
  finish.mutable_finish()->set_matched_stop("\n");
  printer->Print(finish);
  printer->Print(SummaryEvent());
  EXPECT_THAT(err_.str(), HasSubstr("stop string \"\\n\""));
}

TEST_F(EventPrinterTest, LogProbabilitiesFollowTheText) {
  const auto printer = MakeTextPrinter("Once", 1, console_);
  v1::GenerateEvent delta = DeltaEvent(" upon");
  auto* token = delta.mutable_delta()->add_logprobs();
  token->set_token_id(262);
  token->set_logprob(-0.5F);
  auto* candidate = token->add_candidates();
  candidate->set_token(" the");
  candidate->set_logprob(-0.25F);
  auto* given = token->add_given_candidates();
  given->set_token(" a");
  given->set_logprob(-3.0F);
  printer->Print(PromptEvent());
  printer->Print(delta);
  printer->Print(SummaryEvent());
  EXPECT_EQ(out_.str(), " upon\n262               -0.5000  \" the\" -0.2500  |  \" a\" -3.0000\n");
}

TEST_F(EventPrinterTest, FurtherChoicesFollowTheFirstEachBehindItsNumber) {
  const auto printer = MakeTextPrinter("Once", 2, console_);
  const auto of_choice = [](v1::GenerateEvent event, std::uint32_t index) {
    if (event.has_delta()) event.mutable_delta()->set_index(index);
    if (event.has_finish()) event.mutable_finish()->set_index(index);
    return event;
  };
  printer->Print(PromptEvent());
  printer->Print(of_choice(DeltaEvent(" b"), 1));
  printer->Print(of_choice(DeltaEvent(" a"), 0));
  printer->Print(of_choice(FinishEvent(v1::FINISH_REASON_EOS), 1));
  printer->Print(of_choice(DeltaEvent("!"), 0));
  EXPECT_EQ(out_.str(), "--- choice 0\n a!");
  printer->Print(of_choice(FinishEvent(v1::FINISH_REASON_MAX_TOKENS), 0));
  printer->Print(SummaryEvent());
  EXPECT_EQ(out_.str(), "--- choice 0\n a!\n--- choice 1\n b\n");
  EXPECT_EQ(err_.str(),
            "[max_new_tokens reached: 11 tokens, seed 42]\n[end of text: 11 tokens, seed 42]\n");
}

TEST_F(EventPrinterTest, ThePromptsLogProbabilitiesComeFirst) {
  const auto printer = MakeTextPrinter("Once", 1, console_);
  v1::GenerateEvent prompt = PromptEvent();
  prompt.mutable_prompt()->add_logprobs()->set_token_id(5);
  v1::TokenLogProbs& second = *prompt.mutable_prompt()->add_logprobs();
  second.set_token_id(6);
  second.set_token(" g\xC3\xA4");
  second.set_logprob(-1.5F);
  second.set_rank(3);
  printer->Print(prompt);
  printer->Print(DeltaEvent(" upon"));
  EXPECT_EQ(out_.str(), "5                       -\n\" g\xC3\xA4\"             -1.5000  #3\n upon");
}

TEST_F(EventPrinterTest, ShadesReplaceTheTableAndTheirLegendComesLast) {
  console_.out_is_terminal = console_.err_is_terminal = true;
  const auto printer = MakeTextPrinter("", 2, console_, {.table = false, .shade = true});
  for (const std::uint32_t index : {1U, 0U}) {
    v1::GenerateEvent delta = DeltaEvent(index == 0 ? " a" : " b");
    delta.mutable_delta()->set_index(index);
    v1::TokenLogProbs& token = *delta.mutable_delta()->add_logprobs();
    token.set_token(delta.delta().text());
    token.set_logprob(index == 0 ? -9.0F : -0.1F);
    printer->Print(delta);
  }
  printer->Print(FinishEvent(v1::FINISH_REASON_EOS));
  printer->Print(SummaryEvent());
  EXPECT_EQ(out_.str(), "\x1b[38;5;231;48;5;88m a\x1b[0m--- choice 1\n b\n");
  EXPECT_THAT(err_.str(),
              ::testing::StartsWith("\x1b[2m[end of text: 11 tokens, seed 42]\x1b[0m\n"));
  EXPECT_THAT(err_.str(), EndsWith("below 2% \x1b[0m]\n"));
}

TEST_F(EventPrinterTest, AFailedCallLeavesTheLineClosed) {
  const auto printer = MakeTextPrinter("Once", 1, console_);
  printer->Print(PromptEvent());
  printer->Print(DeltaEvent(" upon"));
  printer->End();
  EXPECT_THAT(out_.str(), EndsWith("\n"));
  EXPECT_EQ(err_.str(), "");
}

TEST_F(EventPrinterTest, JsonIsOneEventALineWithTheContractsNames) {
  const auto printer = MakeJsonPrinter(console_);
  printer->Print(PromptEvent());
  printer->Print(FinishEvent(v1::FINISH_REASON_EOS));
  printer->End();
  EXPECT_EQ(
      out_.str(),
      "{\"prompt\":{\"prompt_tokens\":2}}\n"
      "{\"finish\":{\"reason\":\"FINISH_REASON_EOS\",\"generated_tokens\":11,\"seed\":\"42\"}}\n");
}

}  // namespace
}  // namespace cascade::cli
