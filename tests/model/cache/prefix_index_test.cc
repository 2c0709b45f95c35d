// SPDX-License-Identifier: Apache-2.0

#include "model/cache/prefix_index.h"

#include <array>
#include <cstddef>
#include <optional>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace cascade::model {
namespace {

using Tokens = std::array<TokenId, kernels::kBlockPositions>;

Tokens TokensFrom(TokenId first) {
  Tokens tokens;
  for (std::size_t i = 0; i < tokens.size(); ++i) tokens[i] = first + static_cast<TokenId>(i);
  return tokens;
}

TEST(PrefixIndexTest, FindsWhatWasInserted) {
  PrefixIndex index(4, /*secret=*/1);
  const PrefixHash root = index.Root("");
  const Tokens tokens = TokensFrom(3);
  const PrefixHash prefix = index.Extend(root, tokens);
  EXPECT_EQ(index.Find(prefix, root, tokens), std::nullopt);
  EXPECT_TRUE(index.Insert(prefix, root, tokens, 2));
  EXPECT_EQ(index.Find(prefix, root, tokens), std::optional<BlockId>(2));
  EXPECT_EQ(index.size(), 1U);
}

TEST(PrefixIndexTest, TheTokensDecideAndNotTheHash) {
  PrefixIndex index(4, /*secret=*/1);
  const PrefixHash root = index.Root("");
  const Tokens tokens = TokensFrom(3);
  const PrefixHash prefix = index.Extend(root, tokens);
  index.Insert(prefix, root, tokens, 2);
  // As if two prefixes had met in one hash.
  EXPECT_EQ(index.Find(prefix, root, TokensFrom(4)), std::nullopt);
  EXPECT_EQ(index.Find(prefix, index.Root("other"), tokens), std::nullopt);
}

TEST(PrefixIndexTest, TheFirstKeepsThePlace) {
  PrefixIndex index(4, /*secret=*/1);
  const PrefixHash root = index.Root("");
  const Tokens tokens = TokensFrom(3);
  const PrefixHash prefix = index.Extend(root, tokens);
  ASSERT_TRUE(index.Insert(prefix, root, tokens, 2));
  EXPECT_FALSE(index.Insert(prefix, root, tokens, 3));
  EXPECT_EQ(index.Find(prefix, root, tokens), std::optional<BlockId>(2));
  index.Erase(2);
  EXPECT_EQ(index.size(), 0U);
  EXPECT_TRUE(index.Insert(prefix, root, tokens, 3));
}

TEST(PrefixIndexTest, SaltSecretParentAndEveryTokenSetPrefixesApart) {
  const PrefixIndex index(4, /*secret=*/1);
  const PrefixIndex other(4, /*secret=*/2);
  const Tokens tokens = TokensFrom(3);
  const PrefixHash root = index.Root("");
  const PrefixHash prefix = index.Extend(root, tokens);
  EXPECT_EQ(prefix, index.Extend(index.Root(""), tokens)) << "a function of its arguments";
  EXPECT_NE(root, index.Root("a"));
  EXPECT_NE(root, other.Root(""));
  EXPECT_NE(prefix, index.Extend(index.Root("a"), tokens));
  EXPECT_NE(prefix, index.Extend(prefix, tokens));
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    Tokens changed = tokens;
    ++changed[i];
    EXPECT_NE(prefix, index.Extend(root, changed)) << "token " << i;
  }
}

TEST(PrefixIndexTest, LosesNothingThroughManyInsertsAndErases) {
  constexpr std::size_t kBlocks = 40;
  PrefixIndex index(kBlocks, /*secret=*/1);
  const PrefixHash root = index.Root("");
  std::vector<std::optional<TokenId>> first(kBlocks);  // of the tokens that each block is in for
  std::mt19937 rng(5);
  for (TokenId turn = 0; turn < 20000; ++turn) {
    const auto block = static_cast<BlockId>(rng() % kBlocks);
    if (first[block]) {
      const Tokens tokens = TokensFrom(*first[block]);
      ASSERT_EQ(index.Find(index.Extend(root, tokens), root, tokens), std::optional(block));
      index.Erase(block);
      ASSERT_EQ(index.Find(index.Extend(root, tokens), root, tokens), std::nullopt);
      first[block].reset();
    } else {
      const Tokens tokens = TokensFrom(turn);
      ASSERT_TRUE(index.Insert(index.Extend(root, tokens), root, tokens, block));
      first[block] = turn;
    }
  }
}

}  // namespace
}  // namespace cascade::model
