// SPDX-License-Identifier: Apache-2.0

#include "server/engine/prefix_log.h"

#include <array>
#include <cstdint>
#include <optional>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "server/engine/worker.h"
#include "tests/server/engine/recording_sink.h"
#include "tests/server/engine/tiny_engine.h"

namespace cascade::server {
namespace {

constexpr std::array<model::TokenId, 16> kTokens = {1, 2, 3};

model::PrefixHash Hash(std::uint64_t low) { return {.low = low, .high = 0}; }

TEST(PrefixLogTest, NumbersTurnsAndEventsConsecutively) {
  PrefixLog log(100);
  log.Publish();  // a turn in which nothing happened
  EXPECT_EQ(log.range().next, 1U);
  log.OnStored(std::nullopt, Hash(1), kTokens);
  log.OnStored(Hash(1), Hash(2), kTokens);
  EXPECT_EQ(log.Find(1), nullptr);  // not before the turn is over
  log.Publish();
  log.OnRemoved(Hash(2));
  log.OnCleared();
  log.Publish();
  const auto first = log.Find(1);
  ASSERT_NE(first, nullptr);
  ASSERT_EQ(first->events.size(), 2U);
  EXPECT_FALSE(first->events[0].parent);
  EXPECT_EQ(first->events[1].parent, first->events[0].name);
  EXPECT_EQ(first->events[0].tokens, kTokens);
  const auto second = log.Find(2);
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(second->first_event, 3U);
  EXPECT_EQ(second->events[0].name, first->events[1].name);
  EXPECT_EQ(second->events[1].kind, PrefixEvent::Kind::kCleared);
  EXPECT_EQ(log.Find(3), nullptr);
  EXPECT_EQ(log.Find(0), nullptr);
}

TEST(PrefixLogTest, KeepsSoManyEventsAndAlwaysTheLastTurn) {
  PrefixLog log(3);
  for (std::uint64_t i = 0; i < 5; ++i) {
    log.OnRemoved(Hash(i));
    log.Publish();
  }
  EXPECT_EQ(log.range().oldest, 3U);
  EXPECT_EQ(log.range().next, 6U);
  EXPECT_EQ(log.Find(2), nullptr);
  EXPECT_NE(log.Find(3), nullptr);
  for (std::uint64_t i = 0; i < 10; ++i) log.OnRemoved(Hash(i));
  log.Publish();
  EXPECT_EQ(log.range().oldest, 6U);
  EXPECT_EQ(log.Find(6)->events.size(), 10U);
}

TEST(PrefixLogTest, ReadersReadWhileTheWorkerWrites) {
  PrefixLog log(50);
  std::thread writer([&log] {
    for (std::uint64_t i = 0; i < 2000; ++i) {
      log.OnRemoved(Hash(i));
      log.Publish();
    }
  });
  std::uint64_t next = 1;
  while (next <= 2000) {
    if (const auto events = log.Find(next); events != nullptr) {
      EXPECT_EQ(events->number, next);
      ++next;
    } else if (next < log.range().oldest) {
      next = log.range().oldest;
    }
  }
  writer.join();
}

// What is kept is the prompts' tokens, which are for those alone whom the operator means.
TEST(PrefixLogTest, AWorkerNotesNothingUnlessItIsTold) {
  const model::Tokenizer tokenizer = testing::BundledTokenizer();
  for (const std::size_t kept : {0U, 64U}) {
    testing::TinyEngineOptions options;
    options.worker.kept_prefix_events = kept;
    const auto worker = testing::MakeTinyWorker(tokenizer, options);
    testing::RecordingSink sink;
    worker->Submit(testing::Request(40, 2, sink));
    EXPECT_EQ(sink.Await().end, absl::OkStatus());
    worker->ForgetPrefixes();
    worker->Drain(absl::InfiniteFuture());
    EXPECT_EQ(worker->prefixes().range().next > 1, kept > 0);
  }
}

}  // namespace
}  // namespace cascade::server
