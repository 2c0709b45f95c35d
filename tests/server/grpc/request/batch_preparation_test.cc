// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/request/batch_preparation.h"

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/kernels/kv_block.h"
#include "model/tokenizer/tokenizer.h"
#include "server/engine/limits.h"
#include "server/grpc/model_info.h"
#include "server/grpc/request/batch_request.h"
#include "server/grpc/request/limits.h"
#include "tests/support/source_path.h"
#include "tests/support/status_matchers.h"

namespace cascade::server {
namespace {

using ::cascade::testing::IsOk;
using ::testing::ElementsAre;

class BatchPreparationTest : public ::testing::Test {
 protected:
  BatchPreparationTest() {
    info_.config.vocab_size = 4096;
    info_.config.n_ctx = 64;
    info_.config.n_embd = 8;
    info_.cache_positions = 64;
    info_.defaults.eos_token_ids = {4095};
  }

  template <typename Request>
  absl::StatusOr<PreparedBatch> Make(const Request& request) const {
    return Prepare(request, absl::InfiniteFuture(), info_, tokenizer_);
  }

  // `count` tokens, which are kept until the test ends.
  InputText Input(std::size_t count) {
    kept_.push_back(std::make_unique<std::vector<model::TokenId>>(count, 7));
    InputText input;
    input.token_ids = *kept_.back();
    return input;
  }

  ModelInfo info_;
  const model::Tokenizer tokenizer_ = *model::Tokenizer::Load(testing::BundledModelFolder());
  std::vector<std::unique_ptr<std::vector<model::TokenId>>> kept_;
};

TEST_F(BatchPreparationTest, AnInputWantsTheStatesThatItsPoolingNeeds) {
  EmbeddingRequest request;
  request.inputs = {Input(10), Input(64)};
  for (const Pooling pooling : {Pooling::kLast, Pooling::kMean, Pooling::kTokens}) {
    request.pooling = pooling;
    const absl::StatusOr<PreparedBatch> batch = Make(request);
    ASSERT_THAT(batch.status(), IsOk());
    const bool last = pooling == Pooling::kLast;
    EXPECT_EQ(batch->parts[0].generation.hidden_from, last ? 9U : 0U);
    EXPECT_EQ(batch->parts[1].generation.hidden_from, last ? 63U : 0U);
    EXPECT_FALSE(Generates(batch->parts[0].generation));
    EXPECT_EQ(batch->parts[0].generation.id, batch->parts[1].generation.id);
  }
}

TEST_F(BatchPreparationTest, AnInputMayFillTheContextAndNoMore) {
  EmbeddingRequest request;
  request.inputs = {Input(64)};
  EXPECT_THAT(Make(request).status(), IsOk());
  request.inputs = {Input(65)};
  EXPECT_EQ(Make(request).status().code(), absl::StatusCode::kInvalidArgument);
  request.truncation = TextRequest::Truncation();
  const absl::StatusOr<PreparedBatch> batch = Make(request);
  ASSERT_THAT(batch.status(), IsOk());
  EXPECT_EQ(batch->parts[0].truncated_tokens, 1U);
}

TEST_F(BatchPreparationTest, TheAnswersNumbersAreBounded) {
  info_.config.n_embd = kMaxEmbedValues / 64;
  EmbeddingRequest request;
  request.pooling = Pooling::kTokens;
  request.inputs = {Input(64)};
  EXPECT_THAT(Make(request).status(), IsOk());
  request.inputs.push_back(Input(1));
  EXPECT_EQ(Make(request).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(BatchPreparationTest, ContinuationsThatCanShareTheirPromptComeAfterTheFirst) {
  ScoringRequest request;
  request.items.push_back({.prompt = Input(model::kernels::kBlockPositions + 1),
                           .continuations = {Input(1), Input(2), Input(3)}});
  request.items.push_back(
      {.prompt = Input(model::kernels::kBlockPositions), .continuations = {Input(1), Input(2)}});
  const auto after = [this, &request] {
    const absl::StatusOr<PreparedBatch> batch = Make(request);
    std::vector<std::optional<std::size_t>> parts;
    for (const PreparedBatch::Part& part : batch->parts) parts.push_back(part.after);
    return parts;
  };
  constexpr std::nullopt_t kNone = std::nullopt;
  EXPECT_THAT(after(), ElementsAre(kNone, 0U, 0U, kNone, kNone));
  request.cache.bypass = true;
  EXPECT_THAT(after(), ElementsAre(kNone, kNone, kNone, kNone, kNone));
}

TEST_F(BatchPreparationTest, AContinuationIsScoredBehindItsPrompt) {
  ScoringRequest request;
  request.items.push_back({.prompt = Input(62), .continuations = {Input(1), Input(3)}});
  request.items.push_back({.prompt = {}, .continuations = {Input(2)}});
  const absl::StatusOr<PreparedBatch> batch = Make(request);
  ASSERT_THAT(batch.status(), IsOk());
  ASSERT_EQ(batch->parts.size(), 3U);
  EXPECT_EQ(batch->parts[1].item, 0U);
  EXPECT_EQ(batch->parts[1].continuation, 1U);
  const GenerationRequest& longest = batch->parts[1].generation;
  EXPECT_EQ(longest.prompt.size(), 65U) << "one more than the context: the last does not run";
  EXPECT_EQ(longest.params.output.prompt_logprobs_from, 62U);
  EXPECT_TRUE(longest.params.output.ranks);
  EXPECT_FALSE(Generates(longest));
  EXPECT_THAT(batch->parts[2].generation.prompt, ElementsAre(4095, 7, 7));
  request.items[0].continuations[0] = Input(4);
  EXPECT_EQ(Make(request).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace cascade::server
