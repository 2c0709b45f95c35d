// Checkpoint 9: asking for some rows' logits gives the bits that asking for all gives; so it is for
// final hidden states, of which the head makes those logits.
#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "model/gpt2.h"
#include "model/layers/lm_head.h"
#include "tests/checkpoints/golden_model.h"
#include "tests/checkpoints/whole_model.h"

namespace cascade::model {
namespace {

using ::cascade::testing::CopyOf;
using ::cascade::testing::FirstPositions;
using ::cascade::testing::HasTheBitsOf;
using ::cascade::testing::Ranges;
using ::cascade::testing::WholeSequence;

// One range for each row.
Ranges Singly(const std::vector<std::size_t>& rows) {
  Ranges ranges;
  for (const std::size_t row : rows) ranges.push_back({.first = row, .count = 1});
  return ranges;
}

// Rows, and orders of rows, of a batch of `count` rows.
std::vector<Ranges> Selections(std::size_t count) {
  std::vector<std::size_t> backwards = FirstPositions(count);
  std::ranges::reverse(backwards);
  return {Singly({count - 1}),
          Singly({0}),
          Singly({0, count - 1}),
          Singly({count - 1, 3, 7, 1}),
          Singly({2, 4, 6, 8, 10, 12, 14}),
          Singly(backwards),
          {{.first = 0, .count = count}},
          {{.first = 5, .count = 9}, {.first = 2, .count = 0}, {.first = 1, .count = 3}},
          {{.first = count - 4, .count = 4}, {.first = count - 2, .count = 2}}};
}

std::string Describe(const Ranges& ranges) {
  return absl::StrCat("rows ", absl::StrJoin(ranges, ", ", [](std::string* out, RowRange range) {
                        absl::StrAppend(out, range.first, "+", range.count);
                      }));
}

// `rows` of `all`, in this order.
Tensor Select(ConstMatF all, const Ranges& rows) {
  Tensor selected(CountRows(rows), all.cols());
  std::size_t next = 0;
  for (const RowRange& range : rows) {
    for (std::size_t row = range.first; row < range.end(); ++row) {
      std::ranges::copy(all.Row(row), selected.Rows(selected.rows()).Row(next++).begin());
    }
  }
  return selected;
}

class Checkpoint09SelectedLogits : public testing::CheckpointTest {
 protected:
  Checkpoint09SelectedLogits() : CheckpointTest(testing::checkpoints::kSelectedLogits) {}
};

TEST_P(Checkpoint09SelectedLogits, EqualThoseOfTheFullLogits) {
  const std::vector<TokenId> tokens = GoldenInts("trace/tokens");
  const std::size_t count = tokens.size();
  Gpt2 model = MakeModel();
  KvCache cache = MakeCache(2 * count + 16);
  Tensor full = testing::LogitsAt(model, cache, tokens, FirstPositions(count), config().n_ctx);
  WholeSequence prompt(model, cache, tokens);
  for (const Ranges& rows : Selections(count)) {
    Tensor expected = Select(full.Rows(count), rows);
    ExpectMatches(prompt.Forward(rows, {}).logits, expected.Rows(expected.rows()), Describe(rows));
  }
}

class OutputRowsProperties : public testing::GoldenModelTest {
 protected:
  const std::vector<TokenId> tokens_ = {5, 3, 200, 7, 1, 8, 90, 4, 2, 33, 6, 77, 9, 11, 12, 13, 14};
  const Ranges all_ = {{.first = 0, .count = tokens_.size()}};
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
  for (const Ranges& rows : Selections(tokens_.size())) {
    Tensor expected = Select(full.Rows(full.rows()), rows);
    EXPECT_TRUE(HasTheBitsOf(prompt.Forward({}, rows).hidden, expected.Rows(expected.rows())))
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
  EXPECT_TRUE(HasTheBitsOf(both.logits, logits.Rows(logits.rows())));
  EXPECT_TRUE(HasTheBitsOf(both.hidden, hidden.Rows(hidden.rows())));
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
  EXPECT_TRUE(HasTheBitsOf(outputs.logits, logits.Rows(logits.rows())));
}

INSTANTIATE_TEST_SUITE_P(, Checkpoint09SelectedLogits, testing::AllGoldenModels(), testing::NameOf);
INSTANTIATE_TEST_SUITE_P(, OutputRowsProperties, testing::BothGoldenModels(), testing::NameOf);

}  // namespace
}  // namespace cascade::model
