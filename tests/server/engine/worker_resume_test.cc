// SPDX-License-Identifier: Apache-2.0
// Answers that broke off elsewhere and go on here.
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/engine/worker.h"
#include "tests/server/engine/recording_sink.h"
#include "tests/server/engine/same_bits.h"
#include "tests/server/engine/tiny_engine.h"
#include "tests/support/status_matchers.h"

namespace cascade::server {
namespace {

using testing::HasBitsOf;
using testing::IsInvalid;
using testing::MakeTinyWorker;
using testing::RecordingSink;
using testing::Request;
using testing::SinkRecord;
using testing::TinyConfig;

constexpr std::size_t kPrompt = 20;
constexpr std::size_t kTokens = 30;

// Random, with penalties that look back at the whole answer.
GenerationRequest Sampled(RecordingSink& sink) {
  GenerationRequest request = Request(kPrompt, kTokens, sink);
  request.params.sampling.temperature = 1.2F;
  request.params.sampling.seed = 7;
  request.params.penalties.presence = 0.7F;
  request.params.penalties.no_repeat_ngram_size = 2;
  request.params.output = {.logprobs = true, .candidates = 2};
  return request;
}

class WorkerResumeTest : public ::testing::Test {
 protected:
  SinkRecord Run(GenerationRequest request, RecordingSink& sink) const {
    const auto worker = MakeTinyWorker(tokenizer_, {});
    worker->Submit(std::move(request));
    return sink.Await();
  }

  SinkRecord Whole() const {
    RecordingSink sink;
    return Run(Sampled(sink), sink);
  }

  // The request that goes on behind the first `had` tokens of `whole`.
  static GenerationRequest Resume(const SinkRecord& whole, std::size_t had, RecordingSink& sink) {
    GenerationRequest request = Sampled(sink);
    for (std::size_t i = 0; i < had; ++i) request.prompt.push_back(whole.tokens[i].id);
    request.resumed = had;
    return request;
  }

  const model::Tokenizer tokenizer_ = testing::BundledTokenizer();
};

TEST_F(WorkerResumeTest, GoesOnAtExactlyTheNextToken) {
  const SinkRecord whole = Whole();
  ASSERT_EQ(whole.tokens.size(), kTokens);
  for (std::size_t had = 0; had < kTokens; ++had) {
    SCOPED_TRACE(had);
    RecordingSink sink;
    const SinkRecord rest = Run(Resume(whole, had, sink), sink);
    ASSERT_EQ(rest.end, absl::OkStatus());
    ASSERT_EQ(rest.tokens.size(), kTokens - had);
    for (std::size_t i = 0; i < rest.tokens.size(); ++i) {
      EXPECT_TRUE(HasBitsOf(rest.tokens[i], whole.tokens[had + i]));
    }
    EXPECT_TRUE(whole.text.ends_with(rest.text));
    EXPECT_EQ(rest.finish->reason, whole.finish->reason);
  }
}

TEST_F(WorkerResumeTest, AnAnswerThatWasWholeEndsAtOnce) {
  const SinkRecord whole = Whole();
  RecordingSink sink;
  const auto worker = MakeTinyWorker(tokenizer_, {});
  worker->Submit(Resume(whole, kTokens, sink));
  const SinkRecord rest = sink.Await();
  EXPECT_EQ(rest.end, absl::OkStatus());
  EXPECT_EQ(rest.starts, 1U);
  EXPECT_TRUE(rest.tokens.empty());
  EXPECT_EQ(rest.text, "");
  ASSERT_TRUE(rest.finish.has_value());
  EXPECT_EQ(rest.finish->reason, model::FinishReason::kMaxTokens);
  EXPECT_EQ(worker->stats().counts.steps, 0U);
  EXPECT_EQ(worker->stats().free_blocks, 32U);
}

// One that filled the context, too, which no prompt may do.
TEST_F(WorkerResumeTest, AnAnswerThatFilledTheContextEndsAtOnce) {
  RecordingSink first;
  GenerationRequest request = Request(kPrompt, TinyConfig().n_ctx, first);
  const SinkRecord whole = Run(std::move(request), first);
  ASSERT_EQ(whole.finish->reason, model::FinishReason::kContextFull);
  RecordingSink sink;
  GenerationRequest again = Request(kPrompt, TinyConfig().n_ctx, sink);
  for (const auto& token : whole.tokens) again.prompt.push_back(token.id);
  again.resumed = whole.tokens.size();
  const SinkRecord rest = Run(std::move(again), sink);
  ASSERT_EQ(rest.end, absl::OkStatus());
  EXPECT_EQ(rest.finish->reason, model::FinishReason::kContextFull);
}

// The tokens run as a prompt does, and the next request that begins with them finds them.
TEST_F(WorkerResumeTest, TheTokensAreCachedLikeAPrompt) {
  const SinkRecord whole = Whole();
  const auto worker = MakeTinyWorker(tokenizer_, {});
  RecordingSink first;
  worker->Submit(Resume(whole, 28, first));
  EXPECT_EQ(first.Await().cached_tokens, 0U);
  EXPECT_EQ(worker->stats().counts.prompt_tokens, kPrompt + 28);
  RecordingSink second;
  worker->Submit(Resume(whole, 28, second));
  EXPECT_EQ(second.Await().cached_tokens, 32U);  // whole blocks of 16
}

TEST_F(WorkerResumeTest, RefusesWhatIsNoAnswersBeginning) {
  const SinkRecord whole = Whole();
  RecordingSink beyond_the_end;
  GenerationRequest request = Resume(whole, kTokens, beyond_the_end);
  request.params.stopping.max_new_tokens = kTokens - 1;
  EXPECT_THAT(*Run(std::move(request), beyond_the_end).end, IsInvalid({"at most max_new_tokens"}));

  RecordingSink behind_a_stop;
  request = Resume(whole, 10, behind_a_stop);
  request.params.stopping.stop_token_ids = {whole.tokens[4].id};
  const SinkRecord stopped = Run(std::move(request), behind_a_stop);
  EXPECT_THAT(*stopped.end, IsInvalid({"ends the answer"}));
  EXPECT_EQ(stopped.starts, 0U);

  RecordingSink of_several;
  request = Resume(whole, 10, of_several);
  request.choices = 2;
  EXPECT_THAT(*Run(std::move(request), of_several).end, IsInvalid({"the only one"}));

  RecordingSink no_prompt;
  request = Resume(whole, 10, no_prompt);
  request.resumed = request.prompt.size();
  EXPECT_THAT(*Run(std::move(request), no_prompt).end, IsInvalid({"must be the prompt's"}));
}

}  // namespace
}  // namespace cascade::server
