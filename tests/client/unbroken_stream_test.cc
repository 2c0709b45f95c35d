// SPDX-License-Identifier: Apache-2.0
// Streams that break off, over loopback TCP.
#include "client/unbroken_stream.h"

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/fake_replica.h"

namespace cascade::client {
namespace {

using testing::FakeReplica;
using testing::Fate;

class UnbrokenStreamTest : public ::testing::Test {
 protected:
  static v1::GenerateRequest Request() {
    v1::GenerateRequest request;
    request.set_text("Once");
    request.mutable_sampling()->set_seed(6);  // five tokens
    return request;
  }

  // Asks the replicas in their order.
  Replicas& Make(const std::vector<FakeReplica*>& fakes,
                 Replicas::Choice choice = Replicas::Choice::kRoundRobin) {
    std::vector<Replicas::Replica> list;
    for (const FakeReplica* fake : fakes) {
      list.push_back({.address = fake->address(), .channel = fake->NewChannel()});
    }
    replicas_ = std::make_unique<Replicas>(std::move(list), choice);
    return *replicas_;
  }

  grpc::Status Read(UnbrokenStream& stream) {
    text_.clear();
    return stream.Run([this](const v1::GenerateEvent& event) {
      text_ += event.delta().text();
      has_summary_ |= event.has_summary();
    });
  }

  std::string WholeText() {
    FakeReplica fake;
    UnbrokenStream stream(Make({&fake}), Request(), {});
    EXPECT_TRUE(Read(stream).ok());
    return text_;
  }

  std::unique_ptr<Replicas> replicas_;
  std::string text_;
  bool has_summary_ = false;
};

TEST_F(UnbrokenStreamTest, GoesOnElsewhereWhereverItBreaks) {
  const std::string whole = WholeText();
  for (std::size_t events = 0; events < 8; ++events) {
    SCOPED_TRACE(events);
    FakeReplica one;
    FakeReplica other;
    one.Plan({{.events = events}});
    UnbrokenStream stream(Make({&one, &other}), Request(), {});
    ASSERT_TRUE(Read(stream).ok());
    EXPECT_EQ(text_, whole);
    EXPECT_TRUE(has_summary_);
    EXPECT_EQ(stream.stats().breaks, events > 0 ? 1U : 0U);
    EXPECT_EQ(stream.stats().retries, events > 0 ? 0U : 1U);
    EXPECT_EQ(other.requests().size(), 1U);
  }
}

TEST_F(UnbrokenStreamTest, GoesOnAtTheSameOneWhenItIsTheOnlyOne) {
  const std::string whole = WholeText();
  FakeReplica one;
  one.Plan({{.events = 3}, {.events = 0}, {.events = 4}});
  UnbrokenStream stream(Make({&one}), Request(), {});
  ASSERT_TRUE(Read(stream).ok());
  EXPECT_EQ(text_, whole);
  EXPECT_EQ(stream.stats().breaks, 2U);
}

TEST_F(UnbrokenStreamTest, TheOnlyOneThatBringsNothingIsAnErrorAtOnce) {
  FakeReplica one;
  one.Plan({{.events = 0}});
  UnbrokenStream stream(Make({&one}), Request(), {});
  EXPECT_EQ(Read(stream).error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(one.requests().size(), 1U);
}

TEST_F(UnbrokenStreamTest, WhatIsWrongEverywhereIsNotTriedElsewhere) {
  FakeReplica one;
  FakeReplica other;
  one.Plan({{.events = 0, .status = {grpc::StatusCode::INVALID_ARGUMENT, "no"}}});
  UnbrokenStream stream(Make({&one, &other}), Request(), {});
  EXPECT_EQ(Read(stream).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_TRUE(other.requests().empty());
}

TEST_F(UnbrokenStreamTest, AFullOneIsPassedOverAndAskedAgainIfAllAre) {
  const std::string whole = WholeText();
  const Fate full = {
      .events = 0, .status = {grpc::StatusCode::RESOURCE_EXHAUSTED, "full"}, .pushback_ms = "1"};
  FakeReplica one;
  FakeReplica other;
  one.Plan({full, full});
  other.Plan({full});
  UnbrokenStream stream(Make({&one, &other}), Request(), {});
  ASSERT_TRUE(Read(stream).ok());
  EXPECT_EQ(text_, whole);
  EXPECT_EQ(stream.stats().retries, 3U);
}

TEST_F(UnbrokenStreamTest, GivesUpAfterManyFailuresInARow) {
  FakeReplica one;
  FakeReplica other;
  std::deque<Fate> never(50, Fate{.events = 0});
  one.Plan(never);
  other.Plan(never);
  UnbrokenStream stream(Make({&one, &other}), Request(), {});
  EXPECT_EQ(Read(stream).error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(one.requests().size() + other.requests().size(), 8U);
}

// It would go on with another answer.
TEST_F(UnbrokenStreamTest, OneOfAnotherFingerprintIsPassedOver) {
  const std::string whole = WholeText();
  FakeReplica one;
  FakeReplica other("another");
  FakeReplica third;
  one.Plan({{.events = 4}});
  UnbrokenStream stream(Make({&one, &other, &third}), Request(), {});
  ASSERT_TRUE(Read(stream).ok());
  EXPECT_EQ(text_, whole);
  EXPECT_EQ(third.requests().size(), 1U);
}

TEST_F(UnbrokenStreamTest, AStreamThatEndsEarlyIsBrokenToo) {
  const std::string whole = WholeText();
  FakeReplica one;
  FakeReplica other;
  one.Plan({{.events = 4, .status = grpc::Status::OK}});
  UnbrokenStream stream(Make({&one, &other}), Request(), {});
  ASSERT_TRUE(Read(stream).ok());
  EXPECT_EQ(text_, whole);
}

// The first says nothing; the second answers, and the first is cancelled.
TEST_F(UnbrokenStreamTest, AHedgedCallIsWonByTheFirstToken) {
  const std::string whole = WholeText();
  FakeReplica one;
  FakeReplica other;
  one.Plan({{.events = 1, .waits = true}});  // its prompt, and no token
  UnbrokenStream stream(Make({&one, &other}), Request(), {.hedge_after = absl::Milliseconds(1)});
  ASSERT_TRUE(Read(stream).ok());
  EXPECT_EQ(text_, whole);
  EXPECT_EQ(stream.stats().hedges, 1U);
  while (one.cancelled() == 0) std::this_thread::yield();
}

TEST_F(UnbrokenStreamTest, ASecondOneThatFailsLeavesTheFirstAlone) {
  const std::string whole = WholeText();
  FakeReplica one;
  FakeReplica other;
  other.Plan({{.events = 0}});
  UnbrokenStream stream(Make({&one, &other}), Request(), {.hedge_after = absl::ZeroDuration()});
  ASSERT_TRUE(Read(stream).ok());
  EXPECT_EQ(text_, whole);
}

TEST_F(UnbrokenStreamTest, CancelEndsIt) {
  FakeReplica one;
  one.Plan({{.events = 3, .waits = true}});
  UnbrokenStream stream(Make({&one}), Request(), {});
  std::size_t events = 0;
  const grpc::Status status = stream.Run([&](const v1::GenerateEvent&) {
    if (++events == 2) stream.Cancel();
  });
  EXPECT_EQ(status.error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(UnbrokenStreamTest, TheDeadlineIsOneForAllStreams) {
  FakeReplica one;
  FakeReplica other;
  one.Plan({{.events = 3}});
  other.Plan({{.events = 2, .waits = true}});
  UnbrokenStream stream(Make({&one, &other}), Request(), {.timeout = absl::Milliseconds(200)});
  EXPECT_EQ(Read(stream).error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
}

// Who failed is asked last, until it works again.
TEST_F(UnbrokenStreamTest, AFailedReplicaIsAvoided) {
  FakeReplica one;
  FakeReplica other;
  Replicas& replicas = Make({&one, &other});
  replicas.MarkFailed(0);
  EXPECT_THAT(replicas.OrderFor(Request()), ::testing::ElementsAre(1U, 0U));
  EXPECT_THAT(replicas.OrderFor(Request()), ::testing::ElementsAre(1U, 0U));
  replicas.MarkWorking(0);
  EXPECT_THAT(replicas.OrderFor(Request()), ::testing::ElementsAre(0U, 1U));
}

// Where eight calls go that begin now, if the replicas are to be tried in this order.
std::vector<std::size_t> WhereEightGo(Replicas& replicas, std::vector<std::size_t> order) {
  std::vector<Replicas::OpenCall> calls;
  std::vector<std::size_t> went;
  for (int i = 0; i < 8; ++i) {
    calls.push_back(replicas.Begin(order));
    went.push_back(calls.back().replica());
  }
  return went;
}

TEST_F(UnbrokenStreamTest, ItsCallCountsUntilItEnds) {
  FakeReplica one;
  FakeReplica other;
  Replicas& replicas = Make({&one, &other}, Replicas::Choice::kByPrefix);
  const std::vector<std::size_t> order = replicas.OrderFor(Request());
  UnbrokenStream stream(replicas, Request(), {});
  std::vector<std::size_t> meanwhile;
  ASSERT_TRUE(stream
                  .Run([&](const v1::GenerateEvent& event) {
                    if (event.has_prompt()) meanwhile = WhereEightGo(replicas, order);
                  })
                  .ok());
  ASSERT_EQ(meanwhile.size(), 8U);
  EXPECT_EQ(meanwhile[6], order[0]);
  EXPECT_EQ(meanwhile[7], order[1]);
  EXPECT_THAT(WhereEightGo(replicas, order), ::testing::Each(order[0]));
}

TEST_F(UnbrokenStreamTest, AHedgedCallCountsToo) {
  FakeReplica fakes[2];
  Replicas& replicas = Make({&fakes[0], &fakes[1]}, Replicas::Choice::kByPrefix);
  const std::vector<std::size_t> order = replicas.OrderFor(Request());
  const std::vector<std::size_t> reverse = {order[1], order[0]};
  fakes[order[0]].Plan({{.events = 1, .waits = true}});
  UnbrokenStream stream(replicas, Request(), {.hedge_after = absl::Milliseconds(1)});
  std::vector<std::size_t> meanwhile;
  ASSERT_TRUE(stream
                  .Run([&](const v1::GenerateEvent& event) {
                    if (event.has_prompt()) meanwhile = WhereEightGo(replicas, reverse);
                  })
                  .ok());
  ASSERT_EQ(meanwhile.size(), 8U);
  EXPECT_EQ(meanwhile[6], order[1]);
  EXPECT_EQ(meanwhile[7], order[0]);
  EXPECT_THAT(WhereEightGo(replicas, order), ::testing::Each(order[0]));
  EXPECT_THAT(WhereEightGo(replicas, reverse), ::testing::Each(order[1]));
}

TEST_F(UnbrokenStreamTest, ABusyReplicaIsPassedOver) {
  FakeReplica fakes[2];
  Replicas& replicas = Make({&fakes[0], &fakes[1]}, Replicas::Choice::kByPrefix);
  std::vector<std::size_t> order = replicas.OrderFor(Request());
  UnbrokenStream stream(replicas, Request(), {});  // before the others begin
  std::vector<Replicas::OpenCall> others;
  for (int i = 0; i < 8; ++i) others.push_back(replicas.Begin(order));
  ASSERT_TRUE(Read(stream).ok());
  EXPECT_EQ(fakes[others.front().replica()].requests().size(), 0U);
}

}  // namespace
}  // namespace cascade::client
