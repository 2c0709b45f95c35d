// SPDX-License-Identifier: Apache-2.0
// Which replica is asked while calls are open.
#include "client/replicas.h"

#include <grpcpp/grpcpp.h>

#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cascade::client {
namespace {

class ReplicasTest : public ::testing::Test {
 protected:
  // No server is behind the addresses, and none is called.
  void Make(std::size_t count, Replicas::Choice choice = Replicas::Choice::kByPrefix) {
    std::vector<Replicas::Replica> list;
    for (std::size_t i = 0; i < count; ++i) {
      const std::string address = absl::StrCat("10.0.0.", i, ":50051");
      list.push_back({.address = address,
                      .channel = grpc::CreateChannel(address, grpc::InsecureChannelCredentials())});
    }
    replicas_ = std::make_unique<Replicas>(std::move(list), choice);
  }

  std::vector<std::size_t> Order() {
    v1::GenerateRequest request;
    request.set_text("The old king");
    return replicas_->OrderFor(request);
  }

  // Begins so many calls of the same prompt, after those that are open; returns where they went.
  std::vector<std::size_t> Begin(std::size_t count) {
    std::vector<std::size_t> went;
    for (std::size_t i = 0; i < count; ++i) {
      std::vector<std::size_t> order = Order();
      calls_.push_back(replicas_->Begin(order));
      went.push_back(calls_.back().replica());
    }
    return went;
  }

  std::unique_ptr<Replicas> replicas_;
  std::deque<Replicas::OpenCall> calls_;  // the oldest first
};

TEST_F(ReplicasTest, TheNinthCallOfAPrefixGoesToTheNextOfItsOrder) {
  Make(4);
  const std::vector<std::size_t> order = Order();
  EXPECT_THAT(Begin(8), ::testing::Each(order[0]));
  EXPECT_THAT(Order(), ::testing::ElementsAre(order[1], order[2], order[3], order[0]));
  EXPECT_THAT(Begin(8), ::testing::Each(order[1]));
  EXPECT_THAT(Begin(1), ::testing::ElementsAre(order[2]));
  calls_.pop_front();  // of order[0]
  EXPECT_THAT(Begin(2), ::testing::ElementsAre(order[0], order[2]));
  calls_.clear();
  EXPECT_EQ(Order(), order);
}

// The 13th call: ceil(1.25 * 13 / 2) = 9, as for the 14th.
TEST_F(ReplicasTest, ABusyFleetAllowsMoreCallsOnEach) {
  Make(2);
  const std::vector<std::size_t> order = Order();
  Begin(12);  // eight and four
  EXPECT_THAT(Begin(2), ::testing::ElementsAre(order[0], order[1]));
}

TEST_F(ReplicasTest, ACallThatHasEndedCountsOnce) {
  Make(2);
  const std::vector<std::size_t> order = Order();
  Begin(8);
  calls_.front().End();
  calls_.pop_front();  // ended before
  EXPECT_THAT(Begin(2), ::testing::ElementsAre(order[0], order[1]));
}

TEST_F(ReplicasTest, AFailedReplicaStaysBehindABusyOne) {
  Make(3);
  const std::vector<std::size_t> order = Order();
  Begin(8);
  replicas_->MarkFailed(order[2]);
  EXPECT_THAT(Order(), ::testing::ElementsAre(order[1], order[0], order[2]));
  replicas_->MarkFailed(order[1]);
  EXPECT_THAT(Order(), ::testing::ElementsAre(order[0], order[1], order[2]));
}

// When a replica dies, all its calls go on at once, with the orders that they began with.
TEST_F(ReplicasTest, TheRestOfAnOrderIsArrangedWhenItIsUsed) {
  Make(3);
  std::vector<std::size_t> order = Order();
  const std::vector<std::size_t> before = order;
  const std::span<std::size_t> rest = std::span(order).subspan(1);
  for (int i = 0; i < 8; ++i) {
    calls_.push_back(replicas_->Begin(rest));
    EXPECT_EQ(calls_.back().replica(), before[1]);
  }
  calls_.push_back(replicas_->Begin(rest));
  EXPECT_THAT(order, ::testing::ElementsAre(before[0], before[2], before[1]));
  EXPECT_EQ(calls_.back().replica(), before[2]);
}

TEST_F(ReplicasTest, ThreadsThatBeginAtOnceKeepTheBound) {
  Make(3);
  const std::vector<std::size_t> order = Order();
  std::vector<std::thread> threads;
  std::vector<std::size_t> counts(3);
  std::mutex mu;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&] {
      std::vector<std::size_t> own = order;  // taken when nothing was open
      Replicas::OpenCall call = replicas_->Begin(own);
      const std::lock_guard lock(mu);
      ++counts[call.replica()];
      calls_.push_back(std::move(call));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counts[order[0]], 8U);
  EXPECT_EQ(counts[order[1]], 8U);
}

TEST_F(ReplicasTest, TurnsAreTakenWhateverIsOpen) {
  Make(2, Replicas::Choice::kRoundRobin);
  std::vector<std::size_t> first = {0, 1};
  for (int i = 0; i < 20; ++i) calls_.push_back(replicas_->Begin(first));
  EXPECT_THAT(first, ::testing::ElementsAre(0U, 1U));
  EXPECT_EQ(Order()[0], 0U);
  EXPECT_EQ(Order()[0], 1U);
}

}  // namespace
}  // namespace cascade::client
