// SPDX-License-Identifier: Apache-2.0
// SubscribeKvEvents and FlushCache over loopback TCP: what the prefix cache really takes up and
// gives up.
#include <cstdint>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/cache/kv_cache.h"
#include "model/config.h"
#include "server/engine/prefix_log.h"
#include "server/engine/worker.h"
#include "server/grpc/backend.h"
#include "tests/server/grpc/vllm/vllm_calls.h"
#include "tests/server/model_folder.h"
#include "tests/server/served.h"

namespace cascade::server {
namespace {

using namespace ::cascade::testing;  // NOLINT: the calls of this dialect
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

using Batch = common_pb::KvEventBatch;

// A subscription and what it was told.
class Subscription {
 public:
  Subscription(VllmStub& stub, std::uint64_t start, bool load = false) {
    common_pb::SubscribeKvEventsRequest request;
    request.set_start_sequence_number(start);
    request.set_load_records_before_first_batch(load);
    reader_ = stub.SubscribeKvEvents(&context_, request);
    reader_->WaitForInitialMetadata();
  }
  ~Subscription() {
    context_.TryCancel();
    Batch batch;
    while (reader_ != nullptr && reader_->Read(&batch)) {
    }
    if (reader_ != nullptr) reader_->Finish();
  }

  // The next one with events, or with whatever it has; empty at the end.
  Batch Next() {
    Batch batch;
    while (reader_->Read(&batch)) {
      if (batch.events_size() > 0) return batch;
    }
    return {};
  }
  Batch NextOfAnyKind() {
    Batch batch;
    reader_->Read(&batch);
    return batch;
  }

  grpc::Status End() {
    Batch batch;
    while (reader_->Read(&batch)) {
    }
    const grpc::Status status = reader_->Finish();
    reader_.reset();
    return status;
  }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<Batch>> reader_;
};

// A prompt of `blocks` whole blocks and one token more, that begins with `first`.
engine_pb::GenerateRequest Prompt(std::uint32_t first, std::uint32_t blocks) {
  engine_pb::GenerateRequest request;
  for (std::uint32_t i = 0; i <= 16 * blocks; ++i) {
    request.mutable_tokenized()->add_input_ids(i == 0 ? first : i);
  }
  request.mutable_sampling_params()->set_temperature(0.0F);
  request.mutable_sampling_params()->set_max_tokens(1);
  return request;
}

class KvEventsTest : public ::testing::Test {
 protected:
  VllmStub& stub() { return *stub_; }

  void Run(const engine_pb::GenerateRequest& request) {
    const VllmAnswer answer = Generate(stub(), request);
    EXPECT_TRUE(answer.status.ok()) << answer.status.error_message();
  }

  void Flush() {
    common_pb::FlushCacheResponse response;
    ASSERT_TRUE(Call(stub(), &VllmStub::FlushCache, common_pb::FlushCacheRequest(), response).ok());
    EXPECT_TRUE(response.success());
  }

  static constexpr std::size_t kBlocks = 8;

  // A cache of few blocks, so that prompts push each other out.
  ModelFolder folder_;
  Served served_{folder_.path(), [](Options& options) {
                   options.kv_cache_bytes = kBlocks * model::KvCache::BytesPerBlock(
                                                          *model::LoadModelConfig(options.model));
                   options.worker.kept_prefix_events = 64;
                 }};
  std::unique_ptr<VllmStub> stub_ = NewVllmStub(served_);
};

TEST_F(KvEventsTest, AStreamOpensAtOnceWithTheLoadAndStaysOpen) {
  Subscription subscription(stub(), 0, /*load=*/true);
  const Batch first = subscription.NextOfAnyKind();
  EXPECT_TRUE(first.load().load_only());
  EXPECT_EQ(first.sequence_number(), 0U);
  EXPECT_EQ(first.load().max_running_requests(), 64U);
  const Batch second = subscription.NextOfAnyKind();  // the heartbeat
  EXPECT_TRUE(second.load().load_only());
  EXPECT_GT(second.load().sample(), first.load().sample());
  EXPECT_GT(first.timestamp(), 1.7e9);
}

TEST_F(KvEventsTest, BlocksAreStoredWithTheirTokensBehindTheirParents) {
  Subscription subscription(stub(), 0);
  Run(Prompt(1000, 2));
  const Batch batch = subscription.Next();
  EXPECT_EQ(batch.sequence_number(), 1U);
  EXPECT_FALSE(batch.load().load_only());
  EXPECT_TRUE(batch.has_load());
  ASSERT_EQ(batch.events_size(), 1);
  EXPECT_EQ(batch.events(0).event_id(), 1U);
  const common_pb::KvBlocksStored& stored = batch.events(0).stored();
  EXPECT_FALSE(stored.has_parent_block_hash());
  ASSERT_EQ(stored.blocks_size(), 2);
  const auto prompt = Prompt(1000, 2);
  const auto& ids = prompt.tokenized().input_ids();
  EXPECT_THAT(stored.blocks(0).token_ids(), ElementsAreArray(ids.begin(), ids.begin() + 16));
  EXPECT_THAT(stored.blocks(1).token_ids(), ElementsAreArray(ids.begin() + 16, ids.begin() + 32));
  EXPECT_EQ(stored.blocks(0).block_size(), 16);
  EXPECT_NE(stored.blocks(0).block_hash(), stored.blocks(1).block_hash());

  Run(Prompt(1000, 3));  // goes on where that ended
  const Batch more = subscription.Next();
  EXPECT_EQ(more.sequence_number(), 2U);
  ASSERT_EQ(more.events_size(), 1);
  EXPECT_EQ(more.events(0).stored().parent_block_hash(), stored.blocks(1).block_hash());
  EXPECT_EQ(more.events(0).stored().blocks_size(), 1);
}

TEST_F(KvEventsTest, WhatIsEvictedIsRemoved) {
  Subscription subscription(stub(), 0);
  Run(Prompt(1000, 5));
  std::set<std::int64_t> known;
  const auto take = [&known](const Batch& batch) {
    for (const common_pb::KvCacheEvent& event : batch.events()) {
      for (const auto& block : event.stored().blocks()) known.insert(block.block_hash());
      for (const std::int64_t hash : event.removed().block_hashes()) {
        EXPECT_EQ(known.erase(hash), 1U);
      }
    }
  };
  take(subscription.Next());
  EXPECT_EQ(known.size(), 5U);
  Run(Prompt(2000, 5));  // takes blocks of the first: there are eight, of which it needs six
  std::uint64_t last = 1;
  while (known.size() != kBlocks - 1 || last == 1) {
    const Batch batch = subscription.Next();
    ASSERT_EQ(batch.sequence_number(), last + 1);
    last = batch.sequence_number();
    take(batch);
  }
  EXPECT_EQ(known.size(), served_.server().backend().worker.stats().cached_blocks);
}

TEST_F(KvEventsTest, FlushCacheClearsAndWhatComesIsStoredAgain) {
  Subscription subscription(stub(), 0);
  Run(Prompt(1000, 3));
  subscription.Next();
  Flush();
  const Batch cleared = subscription.Next();
  ASSERT_EQ(cleared.events_size(), 1);
  EXPECT_TRUE(cleared.events(0).has_cleared());
  const VllmAnswer answer = Generate(stub(), Prompt(1000, 3));
  ASSERT_EQ(answer.completes.size(), 1U);
  EXPECT_EQ(answer.completes[0].cached_tokens(), 0U);  // it was not found
  EXPECT_EQ(subscription.Next().events(0).stored().blocks_size(), 3);
  EXPECT_EQ(Generate(stub(), Prompt(1000, 3)).completes.at(0).cached_tokens(), 48U);
}

TEST_F(KvEventsTest, FlushCacheLetsWhatRunsRun) {
  engine_pb::GenerateRequest request = Prompt(1000, 3);
  request.set_stream(true);
  request.mutable_sampling_params()->set_max_tokens(60);
  request.mutable_sampling_params()->set_ignore_eos(true);
  const VllmAnswer alone = Generate(stub(), request);
  grpc::ClientContext context;
  const auto reader = stub().Generate(&context, request);
  engine_pb::GenerateResponse first;
  ASSERT_TRUE(reader->Read(&first));
  Flush();
  const VllmAnswer rest = ReadAll(*reader);
  ASSERT_EQ(rest.completes.size(), 1U) << rest.status.error_message();
  EXPECT_THAT(rest.completes[0].output_ids(), ElementsAreArray(alone.completes.at(0).output_ids()));
  served_.DrainAll();
  EXPECT_TRUE(served_.EverythingIsFree());
}

TEST_F(KvEventsTest, ASubscriberGoesOnWhereItWas) {
  Run(Prompt(1000, 1));
  Run(Prompt(1001, 1));
  Subscription from_the_beginning(stub(), 0);
  EXPECT_EQ(from_the_beginning.Next().sequence_number(), 1U);  // nothing was dropped yet
  Subscription resumed(stub(), 2);
  EXPECT_EQ(resumed.Next().sequence_number(), 2U);
  Subscription live(stub(), 3);
  Run(Prompt(1002, 1));
  EXPECT_EQ(live.Next().sequence_number(), 3U);
  Subscription beyond(stub(), 1000);
  const grpc::Status status = beyond.End();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::OUT_OF_RANGE);
  EXPECT_THAT(status.error_message(), HasSubstr("subscribe from 0"));
}

// The log keeps 64 events here.
TEST_F(KvEventsTest, WhatIsKeptIsBounded) {
  for (std::uint32_t i = 0; i < 100; ++i) Run(Prompt(1000 + i, 1));
  const PrefixLog::Range kept = served_.server().backend().worker.prefixes().range();
  EXPECT_GT(kept.oldest, 1U);
  Subscription lost(stub(), 1);
  EXPECT_EQ(lost.End().error_code(), grpc::StatusCode::OUT_OF_RANGE);
  Subscription live(stub(), 0);
  Run(Prompt(3000, 1));
  EXPECT_GE(live.Next().sequence_number(), kept.next);
}

TEST_F(KvEventsTest, ASubscriberThatDoesNotReadIsEndedAndTheWorkerDoesNotWait) {
  Subscription slow(stub(), 0);
  // More than windows and buffers hold, and then more than the log does.
  for (std::uint32_t i = 0; i < 4000; ++i) Run(Prompt(i % 4000, 7));
  const grpc::Status status = slow.End();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::ABORTED) << status.error_message();
  EXPECT_THAT(status.error_message(), HasSubstr("behind"));
}

TEST_F(KvEventsTest, WhatRunsUnderASaltIsToldToNobody) {
  Subscription subscription(stub(), 0);
  v1::GenerateRequest salted = Request(1);
  salted.mutable_cache()->set_salt("secret");
  for (std::uint32_t i = 0; i < 40; ++i) salted.mutable_text()->append(" and then");
  grpc::ClientContext context;
  v1::GenerateResponse response;
  ASSERT_TRUE(served_.stub().Generate(&context, salted, &response).ok());
  EXPECT_GE(served_.server().backend().worker.stats().cached_blocks, 1U);
  Run(Prompt(1000, 1));
  const Batch batch = subscription.Next();
  EXPECT_EQ(batch.sequence_number(), 1U);
  EXPECT_EQ(batch.events(0).stored().blocks(0).token_ids(0), 1000U);
}

TEST_F(KvEventsTest, AStreamEndsWhenTheServerDrains) {
  Subscription subscription(stub(), 0, /*load=*/true);
  subscription.NextOfAnyKind();
  served_.DrainAll();
  EXPECT_EQ(subscription.End().error_code(), grpc::StatusCode::UNAVAILABLE);
}

}  // namespace
}  // namespace cascade::server
