// Checkpoint 9: asking for some rows' logits gives the bits that asking for all gives.
#include <algorithm>
#include <cstddef>
#include <numeric>
#include <vector>

#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "model/gpt2.h"
#include "tests/checkpoints/golden_model.h"
#include "tests/checkpoints/whole_model.h"

namespace cascade::model {
namespace {

using ::cascade::testing::FirstPositions;

using Rows = std::vector<std::size_t>;

class Checkpoint09SelectedLogits : public testing::CheckpointTest {
 protected:
  Checkpoint09SelectedLogits() : CheckpointTest(testing::checkpoints::kSelectedLogits) {}
};

TEST_P(Checkpoint09SelectedLogits, EqualThoseOfTheFullLogits) {
  const std::vector<TokenId> tokens = GoldenInts("trace/tokens");
  const std::size_t count = tokens.size();
  Gpt2 model = MakeModel();
  KvCache cache = MakeCache(count);
  Tensor full = testing::LogitsAt(model, cache, tokens, FirstPositions(count), config().n_ctx);

  Rows backwards = FirstPositions(count);
  std::ranges::reverse(backwards);
  for (const Rows& rows : {Rows{count - 1}, Rows{0}, Rows{0, count - 1}, Rows{count - 1, 3, 7, 1},
                           Rows{2, 4, 6, 8, 10, 12, 14}, backwards}) {
    const BlockTable blocks = *cache.TryAllocate(count);
    Batch batch;
    batch.Add(blocks, 0, tokens);
    const ConstMatF selected = model.Forward(batch, rows, cache);
    ASSERT_EQ(selected.rows(), rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      ExpectMatches(selected.Rows(i, 1), full.Rows(count).Rows(rows[i], 1),
                    absl::StrCat("row ", rows[i], " of ", absl::StrJoin(rows, ", ")));
    }
  }
}

class SelectedLogitsProperties : public testing::GoldenModelTest {};

TEST_P(SelectedLogitsProperties, NoneMayBeAskedFor) {
  const std::vector<TokenId> tokens = GoldenInts("trace/tokens");
  Gpt2 model = MakeModel();
  KvCache cache = MakeCache(tokens.size());
  const BlockTable blocks = *cache.TryAllocate(tokens.size());
  Batch batch;
  batch.Add(blocks, 0, tokens);
  EXPECT_EQ(model.Forward(batch, {}, cache).rows(), 0U);
}

INSTANTIATE_TEST_SUITE_P(, Checkpoint09SelectedLogits, testing::AllGoldenModels(), testing::NameOf);
INSTANTIATE_TEST_SUITE_P(, SelectedLogitsProperties, testing::BothGoldenModels(), testing::NameOf);

}  // namespace
}  // namespace cascade::model
