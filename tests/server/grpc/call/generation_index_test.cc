// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/call/generation_index.h"

#include <atomic>
#include <optional>

#include "gtest/gtest.h"

namespace cascade::server {
namespace {

TEST(GenerationIndexTest, CancelsEveryGenerationOfTheIdAndNoOther) {
  GenerationIndex index;
  std::atomic<bool> first = false;
  std::atomic<bool> second = false;
  std::atomic<bool> other = false;
  const GenerationIndex::Entry a(index, "me", "same", first);
  const GenerationIndex::Entry b(index, "me", "other", other);
  const GenerationIndex::Entry c(index, "me", "same", second);
  EXPECT_EQ(index.Cancel("me", "same"), 2U);
  EXPECT_TRUE(first);
  EXPECT_TRUE(second);
  EXPECT_FALSE(other);
}

TEST(GenerationIndexTest, DoesNotKnowAGenerationThatIsGone) {
  GenerationIndex index;
  std::atomic<bool> stays = false;
  std::atomic<bool> goes = false;
  const GenerationIndex::Entry a(index, "me", "same", stays);
  std::optional<GenerationIndex::Entry> b;
  b.emplace(index, "me", "same", goes);
  b.reset();
  EXPECT_EQ(index.Cancel("me", "same"), 1U);
  EXPECT_TRUE(stays);
  EXPECT_FALSE(goes);
}

TEST(GenerationIndexTest, NobodyCancelsAnothersGeneration) {
  GenerationIndex index;
  std::atomic<bool> mine = false;
  std::atomic<bool> others = false;
  const GenerationIndex::Entry a(index, "me", "same", mine);
  const GenerationIndex::Entry b(index, "you", "same", others);
  EXPECT_EQ(index.Cancel("me", "same"), 1U);
  EXPECT_TRUE(mine);
  EXPECT_FALSE(others);
}

TEST(GenerationIndexTest, AnUnknownIdIsNone) {
  GenerationIndex index;
  EXPECT_EQ(index.Cancel("me", "nobody's"), 0U);
}

}  // namespace
}  // namespace cascade::server
