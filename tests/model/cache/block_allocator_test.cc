// SPDX-License-Identifier: Apache-2.0

#include "model/cache/block_allocator.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cascade::model {
namespace {

using ::testing::ElementsAreArray;
using Shared = BlockAllocator::Shared;

std::vector<TokenId> Tokens(std::size_t count, TokenId first = 0) {
  std::vector<TokenId> tokens(count);
  for (std::size_t i = 0; i < count; ++i) tokens[i] = first + static_cast<TokenId>(i);
  return tokens;
}

// Runs `tokens` and publishes them: what a sequence does that comes, is computed and goes.
void ComeAndGo(BlockAllocator& blocks, const std::vector<TokenId>& tokens, const char* salt = "") {
  Shared shared = *blocks.TryAllocate(tokens, salt, tokens.size());
  blocks.Publish(shared.table, tokens);
}

std::size_t CachedTokens(BlockAllocator& blocks, const std::vector<TokenId>& tokens,
                         const char* salt = "") {
  return blocks.TryAllocate(tokens, salt, tokens.size())->cached_tokens;
}

TEST(BlockAllocatorTest, ALaterSequenceSharesTheFullBlocksOfAnEarlierOne) {
  BlockAllocator blocks(8);
  Shared first = *blocks.TryAllocate(Tokens(40), "", 45);
  EXPECT_EQ(first.cached_tokens, 0U);
  EXPECT_EQ(CachedTokens(blocks, Tokens(40)), 0U) << "nothing is published yet";
  blocks.Publish(first.table, Tokens(40));
  const Shared second = *blocks.TryAllocate(Tokens(40), "", 45);
  EXPECT_EQ(second.cached_tokens, 32U);
  EXPECT_THAT(second.table.ids().first(2), ElementsAreArray(first.table.ids().first(2)));
  EXPECT_NE(second.table.ids()[2], first.table.ids()[2]);
  EXPECT_EQ(blocks.free_blocks(), 8U - 4U);
}

TEST(BlockAllocatorTest, TheLastTokenIsNeverCached) {
  BlockAllocator blocks(8);
  ComeAndGo(blocks, Tokens(48));
  EXPECT_EQ(CachedTokens(blocks, Tokens(48)), 32U);
  EXPECT_EQ(CachedTokens(blocks, Tokens(49)), 48U);
  EXPECT_EQ(CachedTokens(blocks, Tokens(33)), 32U);
  EXPECT_EQ(CachedTokens(blocks, Tokens(32)), 16U);
  EXPECT_EQ(CachedTokens(blocks, Tokens(16)), 0U);
  EXPECT_EQ(CachedTokens(blocks, Tokens(1)), 0U);
}

TEST(BlockAllocatorTest, ADifferentTokenEndsTheSharedPrefix) {
  BlockAllocator blocks(16);
  ComeAndGo(blocks, Tokens(64));
  for (const std::size_t different : {0U, 15U, 16U, 40U, 63U}) {
    std::vector<TokenId> tokens = Tokens(65);
    tokens[different] = 999;
    EXPECT_EQ(CachedTokens(blocks, tokens), different / 16 * 16);
  }
}

TEST(BlockAllocatorTest, SequencesOfDifferentSaltsNeverMeet) {
  BlockAllocator blocks(8);
  ComeAndGo(blocks, Tokens(40), "mine");
  EXPECT_EQ(CachedTokens(blocks, Tokens(40), ""), 0U);
  EXPECT_EQ(CachedTokens(blocks, Tokens(40), "yours"), 0U);
  EXPECT_EQ(CachedTokens(blocks, Tokens(40), "mine"), 32U);
}

TEST(BlockAllocatorTest, ASequenceThatDoesNotShareNeitherReadsNorFeeds) {
  BlockAllocator blocks(8);
  ComeAndGo(blocks, Tokens(40));
  {
    const BlockTable alone = *blocks.TryAllocate(40);
    for (const BlockId id : alone.ids()) EXPECT_TRUE(blocks.IsWritableFrom(alone, 0)) << id;
  }
  EXPECT_EQ(CachedTokens(blocks, Tokens(40)), 32U);
}

TEST(BlockAllocatorTest, PublishesAsItGoesAndWhatWasGeneratedToo) {
  BlockAllocator blocks(8);
  Shared turn = *blocks.TryAllocate(Tokens(20), "", 60);
  for (std::size_t run = 1; run <= 50; ++run) {
    blocks.Publish(turn.table, Tokens(run));
    EXPECT_EQ(CachedTokens(blocks, Tokens(51)), run / 16 * 16);
  }
}

TEST(BlockAllocatorTest, WhoComputesTheSameTwiceKeepsItsOwnBlockAndGoesOnSharing) {
  BlockAllocator blocks(12);
  Shared first = *blocks.TryAllocate(Tokens(40), "", 40);
  Shared second = *blocks.TryAllocate(Tokens(60), "", 60);  // nothing is published yet
  blocks.Publish(first.table, Tokens(40));
  blocks.Publish(second.table, Tokens(60));
  const Shared third = *blocks.TryAllocate(Tokens(60), "", 60);
  EXPECT_EQ(third.cached_tokens, 48U);
  EXPECT_EQ(third.table.ids()[1], first.table.ids()[1]);
  EXPECT_EQ(third.table.ids()[2], second.table.ids()[2]);
}

TEST(BlockAllocatorTest, TheEndOfAPrefixIsGivenUpBeforeItsBeginning) {
  BlockAllocator blocks(4);
  ComeAndGo(blocks, Tokens(64));
  EXPECT_EQ(blocks.cached_blocks(), 4U);
  EXPECT_EQ(blocks.free_blocks(), 4U);
  std::vector<BlockTable> others;
  for (const std::size_t left : {48U, 32U, 16U, 0U}) {
    others.push_back(*blocks.TryAllocate(16));
    const std::optional<Shared> shared = blocks.TryAllocate(Tokens(49), "", 49);
    if (left >= 48) {
      EXPECT_FALSE(shared) << "3 cached and 1 more are 4 blocks, of which 3 are left";
    }
    EXPECT_EQ(blocks.cached_blocks(), left / 16);
  }
}

TEST(BlockAllocatorTest, TheLeastRecentlyUsedIsGivenUpFirst) {
  BlockAllocator blocks(4);
  ComeAndGo(blocks, Tokens(17, 100));
  ComeAndGo(blocks, Tokens(17, 200));
  EXPECT_EQ(CachedTokens(blocks, Tokens(17, 100)), 16U);  // used again
  const BlockTable other = *blocks.TryAllocate(48);       // 2 empty ones, and one idle one
  EXPECT_EQ(blocks.cached_blocks(), 1U);
  std::optional<Shared> shared = blocks.TryAllocate(Tokens(16, 100), "", 16);
  EXPECT_FALSE(blocks.TryAllocate(Tokens(17, 200), "", 17).has_value());
  EXPECT_TRUE(shared.has_value());
}

TEST(BlockAllocatorTest, WhatDoesNotFitChangesNothing) {
  BlockAllocator blocks(4);
  ComeAndGo(blocks, Tokens(33));
  ASSERT_EQ(blocks.cached_blocks(), 2U);
  // The prefix is idle: to hold it takes 2 of the 4 free blocks, and 3 more are not there.
  EXPECT_FALSE(blocks.TryAllocate(Tokens(33), "", 70).has_value());
  EXPECT_FALSE(blocks.TryAllocate(65).has_value());
  BlockTable table = *blocks.TryAllocate(16);
  EXPECT_FALSE(blocks.TryExtend(table, 65));
  EXPECT_EQ(table.capacity(), 16U);
  table.Reset();
  EXPECT_EQ(blocks.free_blocks(), 4U);
  EXPECT_EQ(blocks.cached_blocks(), 2U);
  EXPECT_EQ(CachedTokens(blocks, Tokens(33)), 32U);
}

TEST(BlockAllocatorTest, ASharedPrefixThatIsHeldCostsNoFreeBlock) {
  BlockAllocator blocks(4);
  Shared first = *blocks.TryAllocate(Tokens(33), "", 33);
  blocks.Publish(first.table, Tokens(33));
  EXPECT_EQ(blocks.free_blocks(), 1U);
  EXPECT_TRUE(blocks.TryAllocate(Tokens(33), "", 48).has_value());
}

TEST(BlockAllocatorTest, ExtendsATableInPlace) {
  BlockAllocator blocks(4);
  BlockTable table = *blocks.TryAllocate(17);
  const std::vector<BlockId> before(table.ids().begin(), table.ids().end());
  EXPECT_TRUE(blocks.TryExtend(table, 32));
  EXPECT_EQ(table.capacity(), 32U);
  EXPECT_TRUE(blocks.TryExtend(table, 33));
  EXPECT_EQ(table.capacity(), 48U);
  EXPECT_THAT(table.ids().first(2), ElementsAreArray(before));
}

TEST(BlockAllocatorTest, ShrinkingGivesBackWhatNoPositionNeeds) {
  BlockAllocator blocks(4);
  BlockTable table = *blocks.TryAllocate(64);
  const std::vector<BlockId> before(table.ids().begin(), table.ids().end());
  blocks.Shrink(table, 17);
  EXPECT_THAT(table.ids(), ElementsAreArray(before.begin(), before.begin() + 2));
  EXPECT_EQ(blocks.free_blocks(), 2U);
  blocks.Shrink(table, 64);
  EXPECT_EQ(table.ids().size(), 2U) << "it never grows";
  const BlockTable* const tables[] = {&table};
  EXPECT_EQ(blocks.CheckConserved(tables), absl::OkStatus());
}

TEST(BlockAllocatorTest, AForkSharesFullBlocksAndHasItsOwnFromThePartialOneOn) {
  BlockAllocator blocks(8);
  const BlockTable from = *blocks.TryAllocate(64);
  const std::optional<BlockTable> fork = blocks.TryFork(from, 40, 70);
  ASSERT_TRUE(fork.has_value());
  EXPECT_EQ(fork->capacity(), 80U);
  EXPECT_THAT(fork->ids().first(2), ElementsAreArray(from.ids().first(2)));
  EXPECT_EQ(blocks.free_blocks(), 8U - 4U - 3U);
  const BlockTable* const tables[] = {&from, &*fork};
  EXPECT_EQ(blocks.CheckConserved(tables), absl::OkStatus());
  for (const BlockTable* table : tables) {
    EXPECT_TRUE(blocks.IsWritableFrom(*table, 40));
    EXPECT_FALSE(blocks.IsWritableFrom(*table, 31)) << "a block that both hold";
  }
}

TEST(BlockAllocatorTest, AForkAtABlocksEndHasNoPartialBlock) {
  BlockAllocator blocks(2);
  const BlockTable from = *blocks.TryAllocate(32);
  const std::optional<BlockTable> fork = blocks.TryFork(from, 32, 32);
  ASSERT_TRUE(fork.has_value());
  EXPECT_THAT(fork->ids(), ElementsAreArray(from.ids()));
  EXPECT_TRUE(blocks.IsWritableFrom(from, 32));
  EXPECT_TRUE(blocks.IsWritableFrom(*fork, 32));
}

TEST(BlockAllocatorTest, AForkThatDoesNotFitChangesNothing) {
  BlockAllocator blocks(4);
  const BlockTable from = *blocks.TryAllocate(40);
  EXPECT_FALSE(blocks.TryFork(from, 40, 64).has_value()) << "it takes 2 blocks, and 1 is free";
  EXPECT_EQ(blocks.free_blocks(), 1U);
  const BlockTable* const tables[] = {&from};
  EXPECT_EQ(blocks.CheckConserved(tables), absl::OkStatus());
  EXPECT_TRUE(blocks.TryFork(from, 40, 48).has_value());
}

TEST(BlockAllocatorTest, AForkOutlivesTheTableThatItCameFrom) {
  BlockAllocator blocks(4);
  std::optional<BlockTable> fork;
  {
    const BlockTable from = *blocks.TryAllocate(40);
    fork = blocks.TryFork(from, 40, 40);
    EXPECT_EQ(blocks.free_blocks(), 0U);
  }
  EXPECT_EQ(blocks.free_blocks(), 1U);
  const BlockTable* const tables[] = {&*fork};
  EXPECT_EQ(blocks.CheckConserved(tables), absl::OkStatus());
  fork.reset();
  EXPECT_EQ(blocks.free_blocks(), 4U);
}

TEST(BlockAllocatorTest, AForkPublishesItsOwnTokens) {
  BlockAllocator blocks(12);
  Shared from = *blocks.TryAllocate(Tokens(40), "", 64);
  blocks.Publish(from.table, Tokens(20));
  BlockTable fork = *blocks.TryFork(from.table, 40, 64);
  std::vector<TokenId> other = Tokens(48);
  other[40] = 999;
  blocks.Publish(fork, other);  // block 1 first, which both hold
  blocks.Publish(from.table, Tokens(48));
  const Shared like_from = *blocks.TryAllocate(Tokens(49), "", 49);
  EXPECT_EQ(like_from.cached_tokens, 48U);
  EXPECT_THAT(like_from.table.ids().first(3), ElementsAreArray(from.table.ids().first(3)));
  other.push_back(1);
  const Shared like_fork = *blocks.TryAllocate(other, "", 49);
  EXPECT_EQ(like_fork.cached_tokens, 48U);
  EXPECT_THAT(like_fork.table.ids().first(3), ElementsAreArray(fork.ids().first(3)));
}

TEST(BlockAllocatorTest, AMovedTableGivesItsBlocksBackOnce) {
  BlockAllocator blocks(4);
  {
    BlockTable first = *blocks.TryAllocate(40);
    BlockTable second = *blocks.TryAllocate(10);
    second = std::move(first);
    EXPECT_EQ(blocks.free_blocks(), 1U);
    const BlockTable third(std::move(second));
    EXPECT_EQ(blocks.free_blocks(), 1U);
    EXPECT_EQ(third.capacity(), 48U);
  }
  EXPECT_EQ(blocks.free_blocks(), 4U);
}

TEST(BlockAllocatorTest, CheckConservedSeesATableThatWasLeftOut) {
  BlockAllocator blocks(4);
  const BlockTable table = *blocks.TryAllocate(16);
  const BlockTable* const tables[] = {&table};
  EXPECT_TRUE(blocks.CheckConserved(tables).ok());
  EXPECT_THAT(blocks.CheckConserved({}).message(), ::testing::HasSubstr("held 0 times"));
}

// A sequence of the test below: tokens, of which the first `run` are written.
struct Subject {
  std::vector<TokenId> tokens;
  std::string salt;
  bool shares = false;
  std::size_t run = 0;
  BlockTable table;
};

class BlockAllocatorHistory {
 public:
  void Turn() {
    const auto what = rng_() % 9;
    if (what < 3 || subjects_.empty()) return Start();
    const std::size_t any = rng_() % subjects_.size();
    if (what < 7) return Run(subjects_[any]);
    if (what < 8) return Fork(subjects_[any]);
    subjects_.erase(subjects_.begin() + static_cast<std::ptrdiff_t>(any));
  }

  void Check() {
    std::vector<const BlockTable*> tables;
    for (const Subject& subject : subjects_) {
      tables.push_back(&subject.table);
      ASSERT_TRUE(blocks_.IsWritableFrom(subject.table, subject.run));
      // What its blocks were written with is its own tokens, whoever wrote them.
      for (std::size_t p = 0; p < subject.run; ++p) {
        ASSERT_EQ(Cell(subject.table, p), Value(subject, p)) << "position " << p;
      }
    }
    ASSERT_EQ(blocks_.CheckConserved(tables), absl::OkStatus());
  }

  std::size_t hits() const { return hits_; }
  std::size_t refusals() const { return refusals_; }
  std::size_t forks() const { return forks_; }

 private:
  using Written = std::pair<TokenId, std::string>;

  static Written Value(const Subject& subject, std::size_t position) {
    return {subject.tokens[position], subject.salt};
  }
  Written& Cell(const BlockTable& table, std::size_t position) {
    return cells_[table.ids()[position / 16] * 16 + position % 16];
  }

  void Start() {
    Subject subject;
    subject.tokens = Tokens(1 + rng_() % 100, static_cast<TokenId>(rng_() % 3));
    if (rng_() % 3 == 0) subject.tokens[rng_() % subject.tokens.size()] = 7;
    subject.shares = rng_() % 4 > 0;
    subject.salt = rng_() % 2 == 0 ? "" : "salt";
    std::optional<Shared> shared;
    if (subject.shares) {
      shared = blocks_.TryAllocate(subject.tokens, subject.salt, subject.tokens.size());
    } else if (auto table = blocks_.TryAllocate(subject.tokens.size())) {
      shared = Shared{.table = *std::move(table), .cached_tokens = 0};
    }
    refusals_ += shared ? 0U : 1U;
    if (!shared) return;
    subject.run = shared->cached_tokens;
    hits_ += subject.run > 0 ? 1U : 0U;
    subject.table = std::move(shared->table);
    subjects_.push_back(std::move(subject));
  }

  void Run(Subject& subject) {
    if (subject.run == subject.tokens.size()) {
      if (!blocks_.TryExtend(subject.table, subject.tokens.size() + 1)) return;
      subject.tokens.push_back(static_cast<TokenId>(rng_() % 2));
    }
    const std::size_t count = 1 + rng_() % (subject.tokens.size() - subject.run);
    for (std::size_t i = 0; i < count; ++i, ++subject.run) {
      Cell(subject.table, subject.run) = Value(subject, subject.run);
    }
    const std::span<const TokenId> run(subject.tokens.data(), subject.run);
    if (subject.shares) blocks_.Publish(subject.table, run);
  }

  // A second sequence that has what `from` has run, and goes on with tokens of its own.
  void Fork(const Subject& from) {
    std::optional<BlockTable> table =
        blocks_.TryFork(from.table, from.run, from.run + 1 + rng_() % 40);
    refusals_ += table ? 0U : 1U;
    if (!table) return;
    Subject fork{.tokens = {from.tokens.begin(),
                            from.tokens.begin() + static_cast<std::ptrdiff_t>(from.run)},
                 .salt = from.salt,
                 .shares = from.shares,
                 .run = from.run,
                 .table = *std::move(table)};
    fork.tokens.push_back(static_cast<TokenId>(rng_() % 2));
    for (std::size_t p = from.run / 16 * 16; p < from.run; ++p) {  // what the caller copies
      Cell(fork.table, p) = Cell(from.table, p);
    }
    forks_ += from.run > 0 ? 1U : 0U;
    subjects_.push_back(std::move(fork));
  }

  std::mt19937 rng_{11};
  BlockAllocator blocks_{24};
  std::vector<Written> cells_{std::size_t{24} * 16};
  std::vector<Subject> subjects_;
  std::size_t hits_ = 0;
  std::size_t refusals_ = 0;
  std::size_t forks_ = 0;
};

TEST(BlockAllocatorTest, NobodyEverReadsWhatAnotherWroteInAnyHistory) {
  BlockAllocatorHistory history;
  for (int turn = 0; turn < 20000; ++turn) {
    history.Turn();
    history.Check();
    if (::testing::Test::HasFatalFailure()) FAIL() << "after turn " << turn;
  }
  EXPECT_GT(history.hits(), 100U);
  EXPECT_GT(history.refusals(), 100U);
  EXPECT_GT(history.forks(), 100U);
}

}  // namespace
}  // namespace cascade::model
