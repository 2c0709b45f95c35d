// SPDX-License-Identifier: Apache-2.0
// Answers that go on behind tokens that they have had before.
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/generation/decoding.h"
#include "tests/model/generation/small_logits.h"
#include "tests/model/generation/tiny_tokenizer.h"
#include "tests/support/status_matchers.h"

namespace cascade::model {
namespace {

using ::cascade::testing::ByteTokens;
using ::cascade::testing::Greedy;
using ::cascade::testing::IsInvalid;
using ::cascade::testing::kContext;
using ::cascade::testing::kPrompt;
using ::cascade::testing::Prefer;

class ResumedDecodingTest : public ::testing::Test {
 protected:
  Decoding Start(const GenerationParams& params) const {
    return Decoding(params, 0, kPrompt, kContext, tokenizer_);
  }

  const Tokenizer tokenizer_ = cascade::testing::TinyTokenizer();
};

// Whatever came first, and wherever it broke off, the rest is the same.
TEST_F(ResumedDecodingTest, GoesOnAfterEachToken) {
  GenerationParams params = Greedy();
  params.stopping.stop = {"xyz", "€ is"};
  params.stopping.min_new_tokens = 2;
  params.penalties.repetition = 1.3F;
  const std::vector<TokenId> script = ByteTokens("xy é xyz€ i€ is over");
  Decoding whole = Start(params);
  std::vector<std::string> pieces;  // the steps' texts
  while (!whole.finished()) pieces.push_back(whole.Next(Prefer({script[pieces.size()]}))->text);
  ASSERT_EQ(whole.finish()->matched_stop, "xyz");
  for (std::size_t had = 0; had <= pieces.size(); ++had) {
    SCOPED_TRACE(had);
    Decoding decoding = Start(params);
    ASSERT_EQ(decoding.Resume(std::span(script).first(had)), absl::OkStatus());
    EXPECT_EQ(decoding.generated_tokens(), had);
    for (std::size_t i = had; i < pieces.size(); ++i) {
      ASSERT_FALSE(decoding.finished());
      EXPECT_EQ(decoding.Next(Prefer({script[i]}))->text, pieces[i]);
    }
    ASSERT_TRUE(decoding.finished());
    EXPECT_EQ(decoding.finish()->reason, FinishReason::kStopString);
    EXPECT_EQ(decoding.finish()->matched_stop, "xyz");
  }
}

TEST_F(ResumedDecodingTest, TakesNothingBehindTheEnd) {
  GenerationParams params = Greedy();
  params.stopping.stop_token_ids = {'x'};
  params.stopping.max_new_tokens = 3;
  EXPECT_THAT(Start(params).Resume(ByteTokens("axb")),
              IsInvalid({"token 1 of the 3 that were there, 120, ends the answer"}));
  EXPECT_THAT(Start(params).Resume(ByteTokens("abcd")), IsInvalid({"token 2 of the 4"}));
  EXPECT_EQ(Start(params).Resume(ByteTokens("abc")), absl::OkStatus());
}

}  // namespace
}  // namespace cascade::model
