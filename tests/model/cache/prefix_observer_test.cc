// SPDX-License-Identifier: Apache-2.0

#include "model/cache/prefix_observer.h"

#include <cstddef>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/cache/block_allocator.h"

namespace cascade::model {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// What an allocator tells, by the first token of each block.
class Heard final : public PrefixObserver {
 public:
  void OnStored(const std::optional<PrefixHash>& parent, const PrefixHash& prefix,
                BlockTokens tokens) noexcept override {
    const std::string name = std::to_string(tokens[0]);
    events.push_back(absl::StrCat(parent ? NameOf(*parent) : "", "+", name));
    names.emplace_back(prefix, name);
  }
  void OnRemoved(const PrefixHash& prefix) noexcept override {
    events.push_back(absl::StrCat("-", NameOf(prefix)));
  }
  void OnCleared() noexcept override { events.emplace_back("cleared"); }

  std::vector<std::string> Take() { return std::exchange(events, {}); }

 private:
  std::string NameOf(const PrefixHash& prefix) const {
    for (const auto& [hash, name] : names) {
      if (hash == prefix) return name;
    }
    return "?";
  }

  std::vector<std::string> events;
  std::vector<std::pair<PrefixHash, std::string>> names;
};

std::vector<TokenId> Tokens(std::size_t count, TokenId first) {
  std::vector<TokenId> tokens(count);
  std::iota(tokens.begin(), tokens.end(), first);
  return tokens;
}

class PrefixObserverTest : public ::testing::Test {
 protected:
  PrefixObserverTest() { blocks_.Observe(&heard_); }

  void ComeAndGo(const std::vector<TokenId>& tokens, const char* salt = "") {
    auto shared = blocks_.TryAllocate(tokens, salt, tokens.size());
    ASSERT_TRUE(shared);
    blocks_.Publish(shared->table, tokens);
  }

  Heard heard_;
  BlockAllocator blocks_{4};
};

TEST_F(PrefixObserverTest, HearsOfEachBlockBehindItsParentAndOnce) {
  ComeAndGo(Tokens(33, 100));
  EXPECT_THAT(heard_.Take(), ElementsAre("+100", "100+116"));
  ComeAndGo(Tokens(50, 100));
  EXPECT_THAT(heard_.Take(), ElementsAre("116+132"));
}

TEST_F(PrefixObserverTest, HearsOfEvictions) {
  ComeAndGo(Tokens(48, 100));
  heard_.Take();
  ComeAndGo(Tokens(32, 500));  // one block is empty, one is taken from the end of the first
  EXPECT_THAT(heard_.Take(), ElementsAre("-132", "+500", "500+516"));
}

TEST_F(PrefixObserverTest, HearsNothingOfWhatHasASaltNotEvenOfItsEnd) {
  ComeAndGo(Tokens(48, 100), "salt");
  EXPECT_THAT(heard_.Take(), IsEmpty());
  ComeAndGo(Tokens(64, 500));
  EXPECT_THAT(heard_.Take(), ElementsAre("+500", "500+516", "516+532", "532+548"));
}

TEST_F(PrefixObserverTest, ForgetPrefixesLeavesTablesTheirBlocks) {
  auto running = blocks_.TryAllocate(Tokens(32, 100), "", 48);
  blocks_.Publish(running->table, Tokens(32, 100));
  ComeAndGo(Tokens(16, 500));
  heard_.Take();
  blocks_.ForgetPrefixes();
  EXPECT_THAT(heard_.Take(), ElementsAre("cleared"));
  EXPECT_EQ(blocks_.cached_blocks(), 0U);
  EXPECT_EQ(blocks_.free_blocks(), 1U);
  const BlockTable* const tables[] = {&running->table};
  EXPECT_TRUE(blocks_.CheckConserved(tables).ok()) << blocks_.CheckConserved(tables);
  EXPECT_FALSE(blocks_.TryAllocate(Tokens(17, 100), "", 17));  // not found, and one block is free
  blocks_.Publish(running->table, Tokens(48, 100));            // goes on behind what was forgotten
  EXPECT_THAT(heard_.Take(), ElementsAre("116+132"));
  running.reset();
  EXPECT_EQ(blocks_.free_blocks(), 4U);
  EXPECT_EQ(blocks_.cached_blocks(), 1U);
  EXPECT_TRUE(blocks_.CheckConserved({}).ok()) << blocks_.CheckConserved({});
}

}  // namespace
}  // namespace cascade::model
