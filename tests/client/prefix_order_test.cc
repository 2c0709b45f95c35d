// SPDX-License-Identifier: Apache-2.0

#include "client/prefix_order.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cascade::client {
namespace {

using ::testing::UnorderedElementsAre;

std::vector<std::string> Addresses(int count) {
  std::vector<std::string> addresses;
  for (int i = 0; i < count; ++i) addresses.push_back(absl::StrCat("10.0.0.", i, ":50051"));
  return addresses;
}

v1::GenerateRequest Text(const std::string& text) {
  v1::GenerateRequest request;
  request.set_text(text);
  return request;
}

TEST(PrefixOrderTest, PromptsThatBeginAlikeHaveOneOrder) {
  const std::vector<std::string> addresses = Addresses(7);
  const std::string beginning(256, 'x');
  const auto order = PrefixOrder(Text(beginning + "one"), addresses);
  EXPECT_THAT(order, UnorderedElementsAre(0U, 1U, 2U, 3U, 4U, 5U, 6U));
  EXPECT_EQ(PrefixOrder(Text(beginning + "another"), addresses), order);

  v1::GenerateRequest ids;
  for (std::uint32_t i = 0; i < 64; ++i) ids.mutable_token_ids()->add_ids(i);
  v1::GenerateRequest more = ids;
  more.mutable_token_ids()->add_ids(5);
  EXPECT_EQ(PrefixOrder(ids, addresses), PrefixOrder(more, addresses));
}

// Tenants share nothing, and so need not meet.
TEST(PrefixOrderTest, SaltsTellPromptsApart) {
  const std::vector<std::string> addresses = Addresses(50);
  v1::GenerateRequest salted = Text("Once");
  salted.mutable_cache()->set_salt("tenant");
  EXPECT_NE(PrefixOrder(salted, addresses), PrefixOrder(Text("Once"), addresses));
}

TEST(PrefixOrderTest, SpreadsPromptsEvenly) {
  const std::vector<std::string> addresses = Addresses(4);
  std::map<std::size_t, int> first;
  for (int i = 0; i < 4000; ++i) {
    ++first[PrefixOrder(Text(absl::StrCat("prompt ", i)), addresses)[0]];
  }
  for (std::size_t replica = 0; replica < 4; ++replica) EXPECT_NEAR(first[replica], 1000, 120);
}

// Only the prompts of the one that goes get another.
TEST(PrefixOrderTest, AReplicaThatGoesMovesItsOwnPromptsAlone) {
  const std::vector<std::string> addresses = Addresses(5);
  std::vector<std::string> fewer = addresses;
  fewer.pop_back();
  std::ranges::reverse(fewer);  // the order of the list means nothing
  for (int i = 0; i < 500; ++i) {
    const v1::GenerateRequest request = Text(absl::StrCat("prompt ", i));
    const std::string& before = addresses[PrefixOrder(request, addresses)[0]];
    if (before == addresses.back()) continue;
    EXPECT_EQ(fewer[PrefixOrder(request, fewer)[0]], before);
  }
}

// Every client, of every version, must choose alike: the example of the Python client's test, too
// (clients/python/tests/routing_test.py).
TEST(PrefixOrderTest, IsTheSameEverywhere) {
  v1::GenerateRequest request = Text("The old king");
  request.mutable_cache()->set_salt("tenant");
  EXPECT_THAT(PrefixOrder(request, Addresses(4)), ::testing::ElementsAre(0U, 3U, 1U, 2U));
}

}  // namespace
}  // namespace cascade::client
