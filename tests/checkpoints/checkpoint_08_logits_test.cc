// SPDX-License-Identifier: Apache-2.0
// Checkpoint 8: the whole model's logits are Hugging Face's, and so are the final hidden states.
#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "model/checkpoints/component_runs.h"
#include "model/checkpoints/whole_model.h"
#include "model/gpt2.h"
#include "model/kernels/element_types.h"
#include "model/kernels/simd_target.h"
#include "tests/checkpoints/golden_model.h"
#include "tests/support/same_bits.h"
#include "tests/support/scattering_executor.h"

namespace cascade::model {
namespace {

using ::cascade::testing::SameBits;
using ::cascade::testing::ScatteringExecutor;

using Tokens = std::vector<TokenId>;

class Checkpoint08Logits : public testing::CheckpointTest {
 protected:
  Checkpoint08Logits() : CheckpointTest(checkpoints::kLogits) {}
};

TEST_P(Checkpoint08Logits, MatchesHuggingFaceAtEveryPosition) {
  Measure(MeasureLogitsOfShortPrompt);
}

TEST_P(Checkpoint08Logits, MatchesHuggingFaceOverTheWholeContext) {
  Measure(MeasureLogitsOfFullContext);
}

TEST_P(Checkpoint08Logits, MatchesHuggingFaceAfterEveryPrompt) {
  Measure(MeasureLogitsAfterPrompts);
}

TEST_P(Checkpoint08Logits, FinalHiddenStatesMatchHuggingFaceAtEveryPosition) {
  Measure(MeasureFinalHiddenStates);
}

class LogitsProperties : public testing::GoldenModelTest {
 protected:
  // The first `count` golden prompts of fewer than `below` tokens.
  std::vector<Tokens> Prompts(std::size_t count, std::size_t below) const {
    std::vector<Tokens> prompts;
    for (const GoldenGeneration& golden : Generations()) {
      if (golden.prompt_ids.size() >= below || prompts.size() == count) continue;
      prompts.push_back(golden.prompt_ids);
    }
    return prompts;
  }

  Tensor LastLogits(Gpt2& model, const Tokens& tokens) const {
    KvCache cache = MakeCache(tokens.size());
    return LogitsAt(model, cache, tokens, {{tokens.size() - 1}}, config().n_ctx);
  }
};

TEST_P(LogitsProperties, ChunkedPrefillIsBitIdenticalToOneShot) {
  const Tokens tokens = Trace().tokens;
  Gpt2 model = MakeModel();
  KvCache cache = MakeCache(tokens.size());
  const std::vector<std::size_t> all = FirstPositions(tokens.size());
  Tensor expected = LogitsAt(model, cache, tokens, all, config().n_ctx);
  for (const std::size_t chunk : {1U, 5U, 8U, 16U, 17U}) {
    Tensor chunked = LogitsAt(model, cache, tokens, all, chunk);
    EXPECT_TRUE(SameBits(chunked.Rows(all.size()), expected.Rows(all.size())))
        << "chunks of " << chunk;
  }
}

TEST_P(LogitsProperties, ChunkedFullContextIsBitIdenticalToOneShot) {
  const Tokens tokens = Logits().context_tokens;
  Gpt2 model = MakeModel();
  KvCache cache = MakeCache(tokens.size());
  const std::vector<std::size_t> last = {tokens.size() - 1};
  Tensor expected = LogitsAt(model, cache, tokens, last, config().n_ctx);
  for (const std::size_t chunk : {31U, 64U}) {
    Tensor chunked = LogitsAt(model, cache, tokens, last, chunk);
    EXPECT_TRUE(SameBits(chunked.Rows(1), expected.Rows(1))) << "chunks of " << chunk;
  }
}

TEST_P(LogitsProperties, SequencesOfABatchDoNotSeeEachOther) {
  const std::vector<Tokens> prompts = Prompts(6, 30);
  Gpt2 model = MakeModel();
  KvCache cache = MakeCache(prompts.size() * 32);
  std::vector<BlockTable> tables;
  for (const Tokens& prompt : prompts) tables.push_back(*cache.TryAllocate(prompt.size()));

  // Every sequence at another point: sequence i brings all but its last tokens first, then the
  // rest.
  Batch beginnings;
  Batch ends;
  RowRanges last_rows;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const std::size_t cut = std::min(i, prompts[i].size() - 1);
    const std::span<const TokenId> tokens = prompts[i];
    if (cut > 0) beginnings.Add(tables[i], 0, tokens.first(cut));
    ends.Add(tables[i], cut, tokens.subspan(cut));
    last_rows.push_back({.first = ends.rows() - 1, .count = 1});
  }
  model.Forward(beginnings, {}, cache);
  const StepOutputs outputs = model.Forward(ends, {.logits = last_rows}, cache);
  Tensor together = CopyOf(outputs.logits);

  for (std::size_t i = 0; i < prompts.size(); ++i) {
    Tensor alone = LastLogits(model, prompts[i]);
    EXPECT_TRUE(SameBits(together.Rows(prompts.size()).Rows(i, 1), alone.Rows(1)))
        << "sequence " << i;
  }
}

TEST_P(LogitsProperties, ResultDoesNotDependOnWhoComputesIt) {
  const Tokens tokens = Trace().tokens;
  ScatteringExecutor scattering;
  Gpt2 model = MakeModel();
  Gpt2 split = MakeModel(config().n_ctx, scattering);
  Tensor expected = LastLogits(model, tokens);
  Tensor actual = LastLogits(split, tokens);
  EXPECT_TRUE(SameBits(actual.Rows(1), expected.Rows(1)));
}

TEST_P(LogitsProperties, EverySimdTargetGivesTheSameBits) {
  const Tokens tokens = Trace().tokens;
  Gpt2 model = MakeModel();
  Tensor expected = LastLogits(model, tokens);
  for (const std::string& target : kernels::SupportedSimdTargets()) {
    ASSERT_TRUE(kernels::SetSimdTarget(target).ok());
    Tensor actual = LastLogits(model, tokens);
    EXPECT_TRUE(SameBits(actual.Rows(1), expected.Rows(1))) << target;
  }
  ASSERT_TRUE(kernels::SetSimdTarget("auto").ok());
}

TEST_P(LogitsProperties, EveryKvTypeGivesTheSameBitsForAnyChunksThreadsAndSimdTarget) {
  const Tokens tokens = Trace().tokens;
  const std::vector<std::size_t> all = FirstPositions(tokens.size());
  ScatteringExecutor scattering;
  Gpt2 model = MakeModel();
  Gpt2 split = MakeModel(config().n_ctx, scattering);
  for (const kernels::KvType type : kernels::kKvTypes) {
    KvCache cache = *KvCache::Create(config(), KvCache::BlocksFor(tokens.size()), type);
    Tensor expected = LogitsAt(model, cache, tokens, all, config().n_ctx);
    const auto expect_same = [&](Tensor actual, absl::string_view what) {
      EXPECT_TRUE(SameBits(actual.Rows(all.size()), expected.Rows(all.size())))
          << std::string(Name(type)) << ", " << what;
    };
    for (const std::size_t chunk : {1U, 5U, 12U, 17U}) {
      expect_same(LogitsAt(model, cache, tokens, all, chunk), absl::StrCat("chunks of ", chunk));
    }
    expect_same(LogitsAt(split, cache, tokens, all, config().n_ctx), "split");
    for (const std::string& target : kernels::SupportedSimdTargets()) {
      ASSERT_TRUE(kernels::SetSimdTarget(target).ok());
      expect_same(LogitsAt(model, cache, tokens, all, config().n_ctx), target);
    }
    ASSERT_TRUE(kernels::SetSimdTarget("auto").ok());
  }
}

INSTANTIATE_TEST_SUITE_P(, Checkpoint08Logits, testing::AllGoldenModels(), testing::NameOf);
INSTANTIATE_TEST_SUITE_P(, LogitsProperties, testing::BothGoldenModels(), testing::NameOf);

}  // namespace
}  // namespace cascade::model
