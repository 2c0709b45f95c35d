// Checkpoint 4: attention scores are Hugging Face's, before the softmax.
#include <algorithm>
#include <cstddef>
#include <limits>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "model/layers/attention/scores.h"
#include "tests/checkpoints/attention_run.h"
#include "tests/checkpoints/golden_model.h"

namespace cascade::model {
namespace {

using ::cascade::testing::AttentionRun;
using ::cascade::testing::GoldenTensor;
using ::cascade::testing::HasTheBitsOf;

class Checkpoint04AttentionScores : public testing::CheckpointTest {
 protected:
  Checkpoint04AttentionScores() : CheckpointTest(testing::checkpoints::kAttentionScores) {}
};

TEST_P(Checkpoint04AttentionScores, MatchesHuggingFace) {
  for (const std::size_t layer : TracedLayers()) {
    const GoldenTensor qkv = Traced(layer, "attn.c_attn");
    const GoldenTensor expected = Traced(layer, "attn.scores");
    AttentionRun run(config(), layer, qkv, qkv.AsMat().rows());
    for (std::size_t head = 0; head < config().n_head; ++head) {
      Tensor scores = run.Scores(head, 0, run.rows());
      ExpectMatches(scores.Rows(run.rows()), expected.At(head),
                    absl::StrCat("block ", layer, ", head ", head));
    }
  }
}

class AttentionScoresProperties : public testing::GoldenModelTest {};

TEST_P(AttentionScoresProperties, RowDoesNotDependOnTheTile) {
  const GoldenTensor qkv = Traced(0, "attn.c_attn");
  AttentionRun run(config(), 0, qkv, qkv.AsMat().rows());
  Tensor expected = run.Scores(0, 0, run.rows());
  for (const std::size_t tile : {1U, 3U, 8U, 12U, 17U}) {
    for (std::size_t start = 0; start < run.rows(); start += tile) {
      const std::size_t count = std::min<std::size_t>(tile, run.rows() - start);
      Tensor scores = run.Scores(0, start, count);
      EXPECT_TRUE(HasTheBitsOf(scores.Rows(count), expected.Rows(run.rows()).Rows(start, count)))
          << "rows from " << start << " in tiles of " << tile;
    }
  }
}

TEST_P(AttentionScoresProperties, LaterPositionsDoNotMatter) {
  const GoldenTensor qkv = Traced(0, "attn.c_attn");
  AttentionRun run(config(), 0, qkv, 3 * qkv.AsMat().rows());
  constexpr std::size_t kSeen = 11;
  Tensor expected = run.Scores(1, 0, kSeen);
  run.Spoil(1, kSeen, std::numeric_limits<float>::quiet_NaN());
  Tensor scores = run.Scores(1, 0, kSeen);
  EXPECT_TRUE(HasTheBitsOf(scores.Rows(kSeen), expected.Rows(kSeen)));
}

INSTANTIATE_TEST_SUITE_P(, Checkpoint04AttentionScores, testing::AllGoldenModels(),
                         testing::NameOf);
INSTANTIATE_TEST_SUITE_P(, AttentionScoresProperties, testing::BothGoldenModels(), testing::NameOf);

}  // namespace
}  // namespace cascade::model
