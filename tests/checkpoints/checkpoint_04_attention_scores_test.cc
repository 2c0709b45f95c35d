// SPDX-License-Identifier: Apache-2.0
// Checkpoint 4: attention scores are Hugging Face's, before the softmax.
#include <algorithm>
#include <cstddef>
#include <limits>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "model/checkpoints/attention_run.h"
#include "tests/checkpoints/golden_model.h"
#include "tests/support/same_bits.h"

namespace cascade::model {
namespace {

using ::cascade::testing::SameBits;

class Checkpoint04AttentionScores : public testing::CheckpointTest {
 protected:
  Checkpoint04AttentionScores() : CheckpointTest(checkpoints::kAttentionScores) {}
};

TEST_P(Checkpoint04AttentionScores, MatchesHuggingFace) { Measure(MeasureAttentionScores); }

class AttentionScoresProperties : public testing::GoldenModelTest {};

TEST_P(AttentionScoresProperties, RowDoesNotDependOnTheTile) {
  const GoldenTensor qkv = Trace().blocks[0].c_attn;
  KvCache cache = MakeCache(qkv.AsMat().rows());
  AttentionRun run(config(), 0, qkv, cache);
  Tensor expected = run.Scores(0, 0, run.rows());
  for (const std::size_t tile : {1U, 3U, 8U, 12U, 17U}) {
    for (std::size_t start = 0; start < run.rows(); start += tile) {
      const std::size_t count = std::min<std::size_t>(tile, run.rows() - start);
      Tensor scores = run.Scores(0, start, count);
      EXPECT_TRUE(SameBits(scores.Rows(count), expected.Rows(run.rows()).Rows(start, count)))
          << "rows from " << start << " in tiles of " << tile;
    }
  }
}

TEST_P(AttentionScoresProperties, LaterPositionsDoNotMatter) {
  const GoldenTensor qkv = Trace().blocks[0].c_attn;
  KvCache cache = MakeCache(3 * qkv.AsMat().rows());
  AttentionRun run(config(), 0, qkv, cache);
  constexpr std::size_t kSeen = 11;
  Tensor expected = run.Scores(1, 0, kSeen);
  run.Spoil(1, kSeen, std::numeric_limits<float>::quiet_NaN());
  Tensor scores = run.Scores(1, 0, kSeen);
  EXPECT_TRUE(SameBits(scores.Rows(kSeen), expected.Rows(kSeen)));
}

INSTANTIATE_TEST_SUITE_P(, Checkpoint04AttentionScores, testing::AllGoldenModels(),
                         testing::NameOf);
INSTANTIATE_TEST_SUITE_P(, AttentionScoresProperties, testing::BothGoldenModels(), testing::NameOf);

}  // namespace
}  // namespace cascade::model
