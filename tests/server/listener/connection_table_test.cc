// SPDX-License-Identifier: Apache-2.0

#include "server/listener/connection_table.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace cascade::server {
namespace {

using Places = std::vector<ConnectionTable::Place>;

// Takes `count` places for `peer`, all of which it may have.
void Take(ConnectionTable& table, const std::string& peer, int count, Places& places) {
  for (int i = 0; i < count; ++i) {
    EXPECT_EQ(table.WhyNot(peer), Refusal::kNone) << i;
    places.push_back(table.Take(peer));
  }
}

TEST(ConnectionTableTest, APlaceIsTakenUntilItIsDestroyed) {
  ConnectionTable table({.total = 2, .per_peer = 2});
  Places places;
  Take(table, "a", 2, places);
  EXPECT_EQ(table.WhyNot("a"), Refusal::kTotal);
  EXPECT_EQ(table.WhyNot("b"), Refusal::kTotal);
  places.pop_back();
  EXPECT_EQ(table.WhyNot("b"), Refusal::kNone);
  places.pop_back();
  Take(table, "a", 2, places);
}

TEST(ConnectionTableTest, APeerHasItsOwnLimit) {
  ConnectionTable table({.total = 10, .per_peer = 2});
  Places places;
  Take(table, "a", 2, places);
  EXPECT_EQ(table.WhyNot("a"), Refusal::kPeer);
  Take(table, "b", 2, places);
  places.clear();
  Take(table, "a", 2, places);
}

TEST(ConnectionTableTest, TheLastPlacesAreForPeersThatHaveNone) {
  ConnectionTable table({.total = 32, .per_peer = 32});
  Places places;
  Take(table, "a", 30, places);
  EXPECT_EQ(table.WhyNot("a"), Refusal::kTotal);
  Take(table, "b", 1, places);
  EXPECT_EQ(table.WhyNot("b"), Refusal::kTotal);
  Take(table, "c", 1, places);
  EXPECT_EQ(table.WhyNot("d"), Refusal::kTotal);
}

TEST(ConnectionTableTest, APlaceThatMovesIsTakenOnce) {
  ConnectionTable table({.total = 1, .per_peer = 1});
  {
    ConnectionTable::Place first = table.Take("a");
    const ConnectionTable::Place second = std::move(first);
    EXPECT_EQ(table.WhyNot("b"), Refusal::kTotal);
  }
  EXPECT_EQ(table.WhyNot("b"), Refusal::kNone);
}

}  // namespace
}  // namespace cascade::server
