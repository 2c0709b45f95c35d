// SPDX-License-Identifier: Apache-2.0
// Tokens that are tried ahead: fewer steps, and never another result.
#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "model/generation/vocabulary_trie.h"
#include "server/engine/worker.h"
#include "tests/server/engine/recording_sink.h"
#include "tests/server/engine/same_bits.h"
#include "tests/server/engine/tiny_engine.h"
#include "tests/support/constraints.h"

namespace cascade::server {
namespace {

using testing::MakeTinyWorker;
using testing::RecordingSink;
using testing::SameResult;
using testing::SinkRecord;

struct Outcome {
  SinkRecord record;
  Counts counts;
};

class WorkerSpeculationTest : public ::testing::Test {
 protected:
  // A prompt that goes round in circles; at a low temperature the tiny model goes on like that.
  Outcome Run(bool worker_speculates, bool request_speculates, float temperature,
              std::size_t max_new_tokens = 48) const {
    RecordingSink sink;
    GenerationRequest request = testing::Request(12, max_new_tokens, sink);
    for (std::size_t i = 0; i < request.prompt.size(); ++i) {
      request.prompt[i] = static_cast<model::TokenId>(60 + i % 3);
    }
    request.params.sampling.temperature = temperature;
    request.params.sampling.seed = 5;
    request.params.output = {.logprobs = true, .candidates = 3};
    request.speculate = request_speculates;
    const auto worker = MakeTinyWorker(tokenizer_, {.worker = {.speculate = worker_speculates}});
    worker->Submit(std::move(request));
    return {.record = sink.Await(), .counts = worker->stats().counts};
  }

  const model::Tokenizer tokenizer_ = testing::BundledTokenizer();
};

TEST_F(WorkerSpeculationTest, RepetitiveTextTakesFewerStepsAndHasTheSameBits) {
  const Outcome plain = Run(false, true, 0.0F);
  const Outcome ahead = Run(true, true, 0.0F);
  EXPECT_TRUE(SameResult(ahead.record, plain.record));
  EXPECT_EQ(plain.counts.steps, 48U);
  EXPECT_EQ(ahead.counts.steps + ahead.counts.accepted_tokens, 48U)
      << "each accepted token saves a step";
  EXPECT_GT(ahead.counts.accepted_tokens, 20U);
  EXPECT_GE(ahead.counts.drafted_tokens, ahead.counts.accepted_tokens);
  EXPECT_EQ(ahead.counts.generated_tokens, plain.counts.generated_tokens);
  EXPECT_EQ(ahead.record.stats.drafted_tokens, ahead.counts.drafted_tokens);
  EXPECT_EQ(ahead.record.stats.accepted_tokens, ahead.counts.accepted_tokens);
  EXPECT_EQ(plain.record.stats.drafted_tokens, 0U);
}

TEST_F(WorkerSpeculationTest, SeededSamplingHasTheSameBitsToo) {
  for (const float temperature : {0.01F, 0.05F, 1.0F}) {
    EXPECT_TRUE(
        SameResult(Run(true, true, temperature).record, Run(false, true, temperature).record))
        << "temperature " << temperature;
  }
}

TEST_F(WorkerSpeculationTest, ARequestMayDecline) {
  const Outcome declined = Run(true, false, 0.0F);
  EXPECT_EQ(declined.counts.drafted_tokens, 0U);
  EXPECT_EQ(declined.counts.steps, 48U);
}

TEST_F(WorkerSpeculationTest, AnEndWithinADraftIsTheEnd) {
  for (std::size_t max_new_tokens = 1; max_new_tokens < 40; ++max_new_tokens) {
    const Outcome ahead = Run(true, true, 0.0F, max_new_tokens);
    EXPECT_EQ(ahead.record.tokens.size(), max_new_tokens);
    EXPECT_TRUE(SameResult(ahead.record, Run(false, true, 0.0F, max_new_tokens).record));
    EXPECT_EQ(ahead.counts.steps + ahead.counts.accepted_tokens, max_new_tokens);
    EXPECT_EQ(ahead.record.stats.accepted_tokens, ahead.counts.accepted_tokens);
  }
}

// What the constraint leaves no choice of is drafted whole, though no earlier text foretells it.
TEST_F(WorkerSpeculationTest, ForcedTextTakesFewerStepsAndHasTheSameBits) {
  const model::TokenTrie trie = model::MakeTokenTrie(tokenizer_, testing::TinyConfig().vocab_size);
  const auto run = [&](bool speculate) {
    RecordingSink sink;
    GenerationRequest request = testing::Request(12, 40, sink);
    request.params.constraint = testing::ConstraintTo("(abcdefghijklmnop|qrstuvwxyz){2}", trie);
    request.params.output = {.logprobs = true, .candidates = 3};
    const auto worker = MakeTinyWorker(tokenizer_, {.worker = {.speculate = speculate}});
    worker->Submit(std::move(request));
    return Outcome{.record = sink.Await(), .counts = worker->stats().counts};
  };
  const Outcome plain = run(false);
  const Outcome ahead = run(true);
  EXPECT_TRUE(SameResult(ahead.record, plain.record));
  EXPECT_EQ(plain.record.finish->reason, model::FinishReason::kConstraintComplete);
  EXPECT_EQ(plain.counts.steps, plain.record.tokens.size());
  EXPECT_EQ(ahead.counts.steps + ahead.counts.accepted_tokens, plain.counts.steps);
  EXPECT_LE(ahead.counts.steps, 8U);
}

}  // namespace
}  // namespace cascade::server
