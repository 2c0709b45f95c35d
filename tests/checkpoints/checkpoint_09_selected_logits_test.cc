// SPDX-License-Identifier: Apache-2.0
// Checkpoint 9: asking for some rows' logits gives the bits that asking for all gives; so it is for
// final hidden states, of which the head makes those logits.
#include <vector>

#include "gtest/gtest.h"
#include "model/checkpoints/component_runs.h"
#include "model/checkpoints/whole_model.h"
#include "model/gpt2.h"
#include "model/layers/lm_head.h"
#include "tests/checkpoints/golden_model.h"
#include "tests/support/same_bits.h"

namespace cascade::model {
namespace {

using ::cascade::testing::SameBits;

class Checkpoint09SelectedLogits : public testing::CheckpointTest {
 protected:
  Checkpoint09SelectedLogits() : CheckpointTest(checkpoints::kSelectedLogits) {}
};

TEST_P(Checkpoint09SelectedLogits, EqualThoseOfTheFullLogits) { Measure(MeasureSelectedLogits); }

class OutputRowsProperties : public testing::GoldenModelTest {
 protected:
  const std::vector<TokenId> tokens_ = {5, 3, 200, 7, 1, 8, 90, 4, 2, 33, 6, 77, 9, 11, 12, 13, 14};
  const RowRanges all_ = {{.first = 0, .count = tokens_.size()}};
};

TEST_P(OutputRowsProperties, NoneMayBeAskedFor) {
  Gpt2 model = MakeModel();
  KvCache cache = MakeCache(tokens_.size());
  const StepOutputs outputs = WholeSequence(model, cache, tokens_).Forward({}, {});
  EXPECT_EQ(outputs.logits.rows(), 0U);
  EXPECT_EQ(outputs.hidden.rows(), 0U);
}

TEST_P(OutputRowsProperties, SelectedHiddenStatesEqualThoseOfAllRows) {
  Gpt2 model = MakeModel();
  KvCache cache = MakeCache(tokens_.size());
  WholeSequence prompt(model, cache, tokens_);
  Tensor full = CopyOf(prompt.Forward({}, all_).hidden);
  for (const RowRanges& rows : Selections(tokens_.size())) {
    Tensor expected = Select(full.Rows(full.rows()), rows);
    EXPECT_TRUE(SameBits(prompt.Forward({}, rows).hidden, expected.Rows(expected.rows())))
        << Describe(rows);
  }
}

TEST_P(OutputRowsProperties, WhatIsAskedForBesidesChangesNoBit) {
  Gpt2 model = MakeModel();
  KvCache cache = MakeCache(tokens_.size());
  WholeSequence prompt(model, cache, tokens_);
  Tensor logits = CopyOf(prompt.Forward(all_, {}).logits);
  Tensor hidden = CopyOf(prompt.Forward({}, all_).hidden);
  const StepOutputs both = prompt.Forward(all_, all_);
  EXPECT_TRUE(SameBits(both.logits, logits.Rows(logits.rows())));
  EXPECT_TRUE(SameBits(both.hidden, hidden.Rows(hidden.rows())));
}

TEST_P(OutputRowsProperties, TheHeadMakesTheLogitsOfTheHiddenStates) {
  Gpt2 model = MakeModel();
  KvCache cache = MakeCache(tokens_.size());
  const StepOutputs outputs = WholeSequence(model, cache, tokens_).Forward(all_, all_);
  Tensor hidden = CopyOf(outputs.hidden);
  Tensor logits(tokens_.size(), config().vocab_size);
  kernels::MatMulScratch scratch;
  LmHead(weights().Head(), hidden.Rows(hidden.rows()), executor_, scratch,
         logits.Rows(logits.rows()));
  EXPECT_TRUE(SameBits(outputs.logits, logits.Rows(logits.rows())));
}

INSTANTIATE_TEST_SUITE_P(, Checkpoint09SelectedLogits, testing::AllGoldenModels(), testing::NameOf);
INSTANTIATE_TEST_SUITE_P(, OutputRowsProperties, testing::BothGoldenModels(), testing::NameOf);

}  // namespace
}  // namespace cascade::model
