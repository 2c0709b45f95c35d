// SPDX-License-Identifier: Apache-2.0

#include "model/generation/decoding.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/model/generation/small_logits.h"
#include "tests/model/generation/tiny_tokenizer.h"
#include "tests/support/status_matchers.h"

namespace cascade::model {
namespace {

using ::cascade::testing::ByteTokens;
using ::cascade::testing::Greedy;
using ::cascade::testing::IsInvalid;
using ::cascade::testing::kAbcd;
using ::cascade::testing::kContext;
using ::cascade::testing::kEndOfText;
using ::cascade::testing::kPrompt;
using ::cascade::testing::kVocabSize;
using ::cascade::testing::Prefer;
using ::cascade::testing::Refuses;
using ::testing::ElementsAre;

// All that came of a run, put together.
struct Outcome {
  std::vector<TokenId> tokens;
  std::vector<std::string> pieces;  // the steps' texts
  std::string text;
  std::optional<Finish> finish;
};

class DecodingTest : public ::testing::Test {
 protected:
  Decoding Start(const GenerationParams& params, std::size_t n_ctx = kContext) {
    return Decoding(params, 0, kPrompt, n_ctx, tokenizer_);
  }

  // Lets a greedy decoding choose these tokens until it finishes.
  Outcome Run(const GenerationParams& params, const std::vector<TokenId>& script,
              std::size_t n_ctx = kContext) {
    Decoding decoding = Start(params, n_ctx);
    Outcome outcome;
    for (const TokenId token : script) {
      if (decoding.finished()) break;
      absl::StatusOr<DecodingStep> step = decoding.Next(Prefer({token}));
      EXPECT_TRUE(step.ok()) << step.status();
      outcome.tokens.push_back(step->token->id);
      outcome.pieces.push_back(step->text);
      outcome.text += step->text;
      outcome.finish = step->finish;
      EXPECT_EQ(decoding.finished(), step->finish.has_value());
    }
    EXPECT_EQ(decoding.generated_tokens(), outcome.tokens.size());
    return outcome;
  }

  Tokenizer tokenizer_ = cascade::testing::TinyTokenizer();
};

TEST_F(DecodingTest, GivesEveryTokensTextAtOnceIfItMay) {
  const Outcome outcome = Run(Greedy(), {'H', kAbcd, '!'});
  EXPECT_THAT(outcome.pieces, ElementsAre("H", "abcd", "!"));
  EXPECT_FALSE(outcome.finish.has_value());
}

TEST_F(DecodingTest, SendsWholeCharactersOnly) {
  const Outcome outcome = Run(Greedy(), ByteTokens("é€"));
  EXPECT_THAT(outcome.pieces, ElementsAre("", "é", "", "", "€"));
}

TEST_F(DecodingTest, EosIsAmongTheTokensAndNotInTheText) {
  GenerationParams params = Greedy();
  params.stopping.eos_token_ids = {kEndOfText, 'x'};
  for (const TokenId eos : params.stopping.eos_token_ids) {
    const Outcome outcome = Run(params, {'a', eos, 'b'});
    EXPECT_THAT(outcome.tokens, ElementsAre('a', eos));
    EXPECT_EQ(outcome.text, "a");
    EXPECT_EQ(outcome.finish->reason, FinishReason::kEos);
    EXPECT_EQ(outcome.finish->matched_token, eos);
  }
}

TEST_F(DecodingTest, AStopTokenIsAmongTheTokensAndNotInTheText) {
  GenerationParams params = Greedy();
  params.stopping.stop_token_ids = {'x', kAbcd};
  const Outcome outcome = Run(params, {'a', kAbcd, 'b'});
  EXPECT_THAT(outcome.tokens, ElementsAre('a', kAbcd));
  EXPECT_EQ(outcome.text, "a");
  EXPECT_EQ(outcome.finish->reason, FinishReason::kStopToken);
  EXPECT_EQ(outcome.finish->matched_token, kAbcd);
}

TEST_F(DecodingTest, WithoutEosIdsTheEndOfTextIsOnlySkipped) {
  const Outcome outcome = Run(Greedy(), {'a', kEndOfText, 'b'});
  EXPECT_THAT(outcome.tokens, ElementsAre('a', kEndOfText, 'b'));
  EXPECT_EQ(outcome.text, "ab");
}

TEST_F(DecodingTest, SpecialTokensAreInTheTextIfTheRequestWantsThem) {
  GenerationParams params = Greedy();
  params.output.special_tokens_in_text = true;
  const std::vector<TokenId> script = {'a', kEndOfText, 'b'};
  EXPECT_EQ(Run(params, script).text, "a<|endoftext|>b");
  params.stopping.stop = {"<|endoftext|>b"};
  const Outcome stopped = Run(params, script);
  EXPECT_EQ(stopped.text, "a");
  EXPECT_EQ(stopped.finish->reason, FinishReason::kStopString);
  params.stopping.eos_token_ids = {kEndOfText};
  EXPECT_EQ(Run(params, script).text, "a");  // what ends the answer is no part of it
}

TEST_F(DecodingTest, IdsBeyondTheTokenizersStandForNothing) {
  const Outcome outcome = Run(Greedy(), {'a', kVocabSize - 1, 'b'});
  EXPECT_EQ(outcome.text, "ab");
}

TEST_F(DecodingTest, AStopStringEndsTheTextRightBeforeIt) {
  GenerationParams params = Greedy();
  params.stopping.stop = {"bc"};
  const Outcome outcome = Run(params, {'x', kAbcd, 'y'});
  EXPECT_THAT(outcome.tokens, ElementsAre('x', kAbcd));
  EXPECT_EQ(outcome.text, "xa");
  EXPECT_EQ(outcome.finish->reason, FinishReason::kStopString);
  EXPECT_EQ(outcome.finish->matched_stop, "bc");
  EXPECT_EQ(outcome.finish->matched_token, std::nullopt);
}

TEST_F(DecodingTest, IncludeStopEndsTheTextRightAfterIt) {
  GenerationParams params = Greedy();
  params.stopping.stop = {"bc"};
  params.stopping.include_stop = true;
  const Outcome outcome = Run(params, {'x', kAbcd});
  EXPECT_EQ(outcome.text, "xabc");
  EXPECT_EQ(outcome.finish->matched_stop, "bc");
}

TEST_F(DecodingTest, TextThatMayBeginAStopStringWaits) {
  GenerationParams params = Greedy();
  params.stopping.stop = {"--end"};
  const Outcome outcome = Run(params, ByteTokens("a---x"));
  EXPECT_THAT(outcome.pieces, ElementsAre("a", "", "", "-", "--x"));
}

TEST_F(DecodingTest, TheLastTokenFreesWhatWasHeld) {
  GenerationParams params = Greedy();
  params.stopping.stop = {"--end"};
  params.stopping.eos_token_ids = {kEndOfText};
  params.stopping.max_new_tokens = 5;
  EXPECT_EQ(Run(params, {'a', '-', '-', kEndOfText}).text, "a--");
  EXPECT_EQ(Run(params, ByteTokens("ab--e")).text, "ab--e");
}

TEST_F(DecodingTest, ACharacterThatIsNotCompletedBecomesAReplacementCharacter) {
  GenerationParams params = Greedy();
  params.stopping.eos_token_ids = {kEndOfText};
  params.stopping.stop = {"\uFFFD", "a-"};
  const Outcome outcome = Run(params, {'a', 0xE2, 0x82, kEndOfText});
  EXPECT_EQ(outcome.text, "a\uFFFD") << "held text first";
  EXPECT_EQ(outcome.finish->reason, FinishReason::kEos) << "and it completes no stop string";
}

TEST_F(DecodingTest, FinishesAtMaxNewTokens) {
  GenerationParams params = Greedy();
  params.stopping.max_new_tokens = 3;
  const Outcome outcome = Run(params, ByteTokens("abcdef"));
  EXPECT_EQ(outcome.text, "abc");
  EXPECT_EQ(outcome.finish->reason, FinishReason::kMaxTokens);
}

TEST_F(DecodingTest, FinishesWhenPromptAndTokensFillTheContext) {
  const Outcome outcome = Run(Greedy(), ByteTokens("abcdef"), kPrompt.size() + 2);
  EXPECT_EQ(outcome.text, "ab");
  EXPECT_EQ(outcome.finish->reason, FinishReason::kContextFull);
}

TEST_F(DecodingTest, OfSeveralReasonsTheFirstInOrderCounts) {
  GenerationParams params = Greedy();
  params.stopping.max_new_tokens = 1;
  const auto reason = [&] { return Run(params, {'a'}, kPrompt.size() + 1).finish->reason; };
  EXPECT_EQ(reason(), FinishReason::kMaxTokens);
  params.stopping.stop = {"a"};
  EXPECT_EQ(reason(), FinishReason::kStopString);
  params.stopping.stop_token_ids = {'a'};
  EXPECT_EQ(reason(), FinishReason::kStopToken);
  params.stopping.eos_token_ids = {'a'};
  EXPECT_EQ(reason(), FinishReason::kEos);
}

TEST_F(DecodingTest, MinNewTokensExcludesEosAndStopTokens) {
  GenerationParams params = Greedy();
  params.stopping.min_new_tokens = 2;
  params.stopping.eos_token_ids = {kEndOfText, 4000000000};  // one that the vocabulary lacks
  params.stopping.stop_token_ids = {'s'};
  Decoding decoding = Start(params);
  const std::vector<float> logits = Prefer({kEndOfText, 's', 'a'});
  EXPECT_EQ(decoding.Next(logits)->token->id, TokenId{'a'});
  EXPECT_EQ(decoding.Next(logits)->token->id, TokenId{'a'});
  const absl::StatusOr<DecodingStep> last = decoding.Next(logits);
  EXPECT_EQ(last->token->id, kEndOfText);
  EXPECT_EQ(last->finish->reason, FinishReason::kEos);
}

TEST_F(DecodingTest, MinNewTokensHoldsForSampledTokensToo) {
  GenerationParams params;
  params.stopping.min_new_tokens = 50;
  params.stopping.eos_token_ids = {kEndOfText};
  Decoding decoding = Start(params);
  for (int i = 0; i < 50; ++i) {
    ASSERT_NE(decoding.Next(Prefer({kEndOfText}))->token->id, kEndOfText);
  }
}

TEST_F(DecodingTest, StopStringsThatEndBeforeMinNewTokensArePassedOver) {
  GenerationParams params = Greedy();
  params.stopping.stop = {"ab"};
  params.stopping.min_new_tokens = 4;
  const Outcome outcome = Run(params, ByteTokens("ababab"));
  EXPECT_THAT(outcome.pieces, ElementsAre("", "ab", "", ""));  // the second ends at the minimum
  EXPECT_EQ(outcome.finish->reason, FinishReason::kStopString);
}

TEST_F(DecodingTest, AStopStringThatBeginsBeforeMinNewTokensAndEndsAfterItMatches) {
  GenerationParams params = Greedy();
  params.stopping.stop = {"nd the"};
  params.stopping.min_new_tokens = 3;
  const Outcome outcome = Run(params, ByteTokens("and the yo"));
  EXPECT_EQ(outcome.text, "a");
  EXPECT_EQ(outcome.tokens.size(), 7U);
  EXPECT_EQ(outcome.finish->matched_stop, "nd the");
}

TEST_F(DecodingTest, AStopStringMayEndAtTheTokenThatReachesMinNewTokens) {
  GenerationParams params = Greedy();
  params.stopping.stop = {"bc"};
  params.stopping.min_new_tokens = 2;
  const Outcome outcome = Run(params, {'x', kAbcd});
  EXPECT_EQ(outcome.text, "xa");
  EXPECT_EQ(outcome.finish->reason, FinishReason::kStopString);
}

TEST_F(DecodingTest, MaxNewTokensEndsBeforeMinNewTokens) {
  GenerationParams params = Greedy();
  params.stopping.min_new_tokens = 10;
  params.stopping.max_new_tokens = 2;
  EXPECT_EQ(Run(params, ByteTokens("abc")).finish->reason, FinishReason::kMaxTokens);
}

TEST_F(DecodingTest, RefusesMinNewTokensThatNoTokenCanKeep) {
  GenerationParams params;
  params.stopping.min_new_tokens = 3;
  for (TokenId id = 0; id < kVocabSize; ++id) params.stopping.stop_token_ids.push_back(id);
  Decoding decoding = Start(params);
  EXPECT_THAT(decoding.Next(Prefer({})),
              IsInvalid({"min_new_tokens is 3", "all 260 tokens", "eos or stop"}));
}

TEST_F(DecodingTest, RefusesLogitsThatAreNotFinite) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
        -std::numeric_limits<float>::infinity()}) {
    Decoding decoding = Start(Greedy());
    std::vector<float> logits = Prefer({});
    logits[17] = bad;
    EXPECT_THAT(decoding.Next(logits), Refuses(absl::StatusCode::kInternal,
                                               std::vector<std::string>{"token 17", "finite"}));
    EXPECT_EQ(decoding.generated_tokens(), 0U);
  }
}

TEST_F(DecodingTest, StopsWhereItStandsWithTheTextThatWasHeldBack) {
  GenerationParams params = Greedy();
  params.stopping.stop = {"abc"};
  Decoding decoding = Start(params);
  EXPECT_EQ(decoding.Next(Prefer({'a'}))->text, "");
  EXPECT_EQ(decoding.Next(Prefer({'b'}))->text, "");
  const DecodingStep last = decoding.Stop(FinishReason::kTimeLimit);
  EXPECT_FALSE(last.token.has_value());
  EXPECT_EQ(last.text, "ab");
  EXPECT_EQ(last.finish->reason, FinishReason::kTimeLimit);
  EXPECT_TRUE(decoding.finished());
  EXPECT_EQ(decoding.generated_tokens(), 2U);
}

TEST_F(DecodingTest, GivesLogProbsOnlyIfAskedFor) {
  EXPECT_FALSE(Start(Greedy()).Next(Prefer({'a'}))->token->log_probs.has_value());
}

TEST_F(DecodingTest, LogProbsAreThoseOfTheRawLogits) {
  GenerationParams params;
  params.sampling = {.temperature = 0.5F, .top_k = 1};
  params.stopping.min_new_tokens = 1;
  params.stopping.eos_token_ids = {'e'};
  params.output = {.logprobs = true, .candidates = 2};
  const std::vector<float> logits = Prefer({'e', 'a', 'b'});
  const absl::StatusOr<DecodingStep> step = Start(params).Next(logits);
  EXPECT_EQ(step->token->id, TokenId{'a'});
  const LogProbs expected = ComputeLogProbs(logits, 'a', 2);
  EXPECT_EQ(step->token->log_probs->chosen, expected.chosen);
  EXPECT_EQ(step->token->log_probs->candidates, expected.candidates);
  EXPECT_EQ(expected.candidates[0].token, TokenId{'e'}) << "though it was excluded";
}

// Against the definition, in double: the bias, the temperature, the two best, scaled to 1.
TEST_F(DecodingTest, ProcessedLogProbsAreThoseOfWhatTheTokenWasDrawnFrom) {
  GenerationParams params;
  params.sampling = {.temperature = 0.5F, .top_k = 2};
  params.tokens.bias = {{'a', 3.5F}};
  params.tokens.banned = {'e'};
  params.output = {
      .logprobs = true, .distribution = Distribution::kProcessed, .candidates = 4, .ranks = true};
  const std::vector<float> logits = Prefer({'e', 'b', 'a', 'c'});  // 10, 9, 8 and 7
  const absl::StatusOr<DecodingStep> step = Start(params).Next(logits);
  const LogProbs& told = *step->token->log_probs;
  const double a = std::exp(11.5 / 0.5 - 23.0);
  const double b = std::exp(9.0 / 0.5 - 23.0);
  ASSERT_EQ(told.candidates.size(), 2U);
  EXPECT_EQ(told.candidates[0].token, TokenId{'a'});
  EXPECT_NEAR(double{told.candidates[0].log_prob}, std::log(a / (a + b)), 1e-6);
  EXPECT_EQ(told.candidates[1].token, TokenId{'b'});
  EXPECT_NEAR(double{told.candidates[1].log_prob}, std::log(b / (a + b)), 1e-6);
  const std::size_t drawn = step->token->id == TokenId{'a'} ? 0 : 1;
  EXPECT_EQ(told.chosen, told.candidates[drawn].log_prob);
  EXPECT_EQ(told.rank, drawn + 1);
  EXPECT_EQ(told.raw, ComputeLogProbs(logits, step->token->id, 0).chosen);
}

TEST_F(DecodingTest, AGreedyTokensProcessedLogProbsKnowNoTemperature) {
  GenerationParams params = Greedy();
  params.sampling.top_k = 1;
  params.tokens.banned = {'e'};
  params.output = {.logprobs = true, .distribution = Distribution::kProcessed, .candidates = 2};
  const std::vector<float> logits = Prefer({'e', 'a', 'b'});
  const LogProbs told = *Start(params).Next(logits)->token->log_probs;
  std::vector<float> left = logits;
  left['e'] = -std::numeric_limits<float>::infinity();
  const LogProbs expected = ComputeLogProbs(left, 'a', 2);
  EXPECT_EQ(told.chosen, expected.chosen);
  EXPECT_EQ(told.candidates, expected.candidates);

  params.tokens.banned.clear();  // then nothing changes the logits
  const LogProbs raw = *Start(params).Next(logits)->token->log_probs;
  EXPECT_EQ(raw.chosen, ComputeLogProbs(logits, 'e', 0).chosen);
  EXPECT_FALSE(raw.raw.has_value());
}

TEST_F(DecodingTest, DrawsWithTheSeedOfItsChoiceAndThePositionAfterThePrompt) {
  GenerationParams params;
  params.sampling.seed = 5;
  const std::vector<float> even(kVocabSize, 0.0F);
  Decoding decoding(params, 3, kPrompt, kContext, tokenizer_);
  Sampler sampler({.seed = 8});
  for (std::size_t t = 0; t < 20; ++t) {
    std::vector<float> copy = even;
    EXPECT_EQ(decoding.Next(even)->token->id, sampler.Sample(copy, kPrompt.size() + t));
  }
}

// A stop string's place in the text must not depend on the tokens that made the text.
TEST_F(DecodingTest, TheTextDoesNotDependOnHowTokensCutIt) {
  GenerationParams params = Greedy();
  params.stopping.stop = {"dabce", "cdd", "é"};
  const std::vector<TokenId> choices = {'c', 'd', 'e', 0xC3, 0xA9, kAbcd, kAbcd, kAbcd};
  std::mt19937 random(3);
  int matches = 0;
  for (int round = 0; round < 300; ++round) {
    std::vector<TokenId> tokens(6);
    for (TokenId& token : tokens) token = choices[random() % choices.size()];
    const Outcome whole = Run(params, tokens);
    const Outcome bytes = Run(params, ByteTokens(tokenizer_.Decode(tokens)));
    ASSERT_EQ(whole.text, bytes.text);
    ASSERT_EQ(whole.finish.has_value(), bytes.finish.has_value());
    if (!whole.finish) continue;
    ASSERT_EQ(whole.finish->matched_stop, bytes.finish->matched_stop);
    ++matches;
  }
  EXPECT_GT(matches, 50) << "the test would show nothing";
}

}  // namespace
}  // namespace cascade::model
