// SPDX-License-Identifier: Apache-2.0
// What was computed once serves every prompt that begins the same, and nobody else.
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "server/engine/worker.h"
#include "tests/server/engine/recording_sink.h"
#include "tests/server/engine/same_bits.h"
#include "tests/server/engine/tiny_engine.h"

namespace cascade::server {
namespace {

using testing::MakeTinyWorker;
using testing::RecordingSink;
using testing::SameResult;
using testing::SinkRecord;

GenerationRequest Request(std::size_t prompt_tokens, std::size_t max_new_tokens) {
  RecordingSink no_sink;
  GenerationRequest request = testing::Request(prompt_tokens, max_new_tokens, no_sink);
  request.sink = nullptr;
  request.params.output = {.logprobs = true, .candidates = 3};
  return request;
}

class WorkerPrefixTest : public ::testing::Test {
 protected:
  static SinkRecord Run(Worker& worker, GenerationRequest request) {
    RecordingSink sink;
    request.sink = &sink;
    worker.Submit(std::move(request));
    return sink.Await();
  }

  std::unique_ptr<Worker> NewWorker(const WorkerOptions& options = {}) const {
    return MakeTinyWorker(tokenizer_, {.worker = options});
  }

  const model::Tokenizer tokenizer_ = testing::BundledTokenizer();
};

TEST_F(WorkerPrefixTest, ASecondAskingFindsItsPromptAndGivesTheSameBits) {
  const auto worker = NewWorker();
  const SinkRecord first = Run(*worker, Request(40, 9));
  const SinkRecord second = Run(*worker, Request(40, 9));
  EXPECT_EQ(first.cached_tokens, 0U);
  EXPECT_EQ(second.cached_tokens, 32U);
  EXPECT_EQ(second.starts, 1U);
  EXPECT_TRUE(SameResult(second, first));
  const WorkerStats stats = worker->stats();
  EXPECT_EQ(stats.counts.cached_tokens, 32U);
  EXPECT_EQ(stats.counts.prompt_tokens, 40U + 8U);
  EXPECT_EQ(stats.free_blocks, stats.total_blocks);
  EXPECT_EQ(stats.cached_blocks, 3U) << "48 of 40 + 8 tokens that were run";
}

TEST_F(WorkerPrefixTest, AConversationFindsItsOwnEarlierTurn) {
  const auto worker = NewWorker();
  GenerationRequest next = Request(20, 20);
  next.prompt = Request(20, 20).prompt;
  const SinkRecord turn = Run(*worker, Request(20, 20));
  for (const model::GeneratedToken& token : turn.tokens) next.prompt.push_back(token.id);
  next.prompt.insert(next.prompt.end(), {5, 6, 7});
  GenerationRequest again = Request(1, 20);
  again.prompt = next.prompt;
  const SinkRecord second = Run(*worker, std::move(next));
  EXPECT_EQ(second.cached_tokens, 32U) << "of 39 tokens that the first turn has run";
  EXPECT_TRUE(SameResult(second, Run(*NewWorker(), std::move(again))));
}

TEST_F(WorkerPrefixTest, ABypassNeitherFeedsNorReads) {
  const auto worker = NewWorker();
  const auto bypassing = [] {
    GenerationRequest request = Request(40, 3);
    request.use_prefix_cache = false;
    return request;
  };
  Run(*worker, bypassing());
  EXPECT_EQ(worker->stats().cached_blocks, 0U);
  EXPECT_EQ(Run(*worker, Request(40, 3)).cached_tokens, 0U) << "the bypass fed the cache";
  EXPECT_EQ(Run(*worker, bypassing()).cached_tokens, 0U);
}

TEST_F(WorkerPrefixTest, OnlyEqualSaltsShare) {
  const auto worker = NewWorker();
  const auto salted = [](const std::string& salt) {
    GenerationRequest request = Request(40, 3);
    request.cache_salt = salt;
    return request;
  };
  const SinkRecord first = Run(*worker, salted("a"));
  const SinkRecord other = Run(*worker, salted("b"));
  EXPECT_EQ(other.cached_tokens, 0U);
  EXPECT_EQ(Run(*worker, salted("")).cached_tokens, 0U);
  EXPECT_EQ(Run(*worker, salted("a")).cached_tokens, 32U);
  EXPECT_TRUE(SameResult(other, first)) << "a salt is no part of the result";
}

TEST_F(WorkerPrefixTest, CanBeTurnedOff) {
  const auto worker = NewWorker({.prefix_cache = false});
  Run(*worker, Request(40, 3));
  EXPECT_EQ(Run(*worker, Request(40, 3)).cached_tokens, 0U);
  EXPECT_EQ(worker->stats().cached_blocks, 0U);
}

TEST_F(WorkerPrefixTest, WhatIsCachedNeverKeepsANewcomerOut) {
  const auto worker = MakeTinyWorker(tokenizer_, {.blocks = 4});
  Run(*worker, Request(60, 4));
  EXPECT_EQ(worker->stats().cached_blocks, 3U);
  const SinkRecord other = Run(*worker, Request(59, 5));
  EXPECT_EQ(other.end, absl::OkStatus());
  EXPECT_TRUE(SameResult(other, Run(*NewWorker(), Request(59, 5))));
}

}  // namespace
}  // namespace cascade::server
