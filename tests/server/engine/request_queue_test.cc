// SPDX-License-Identifier: Apache-2.0

#include "server/engine/request_queue.h"

#include <cstddef>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cascade::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Wait = RequestQueue::Wait;

RequestQueue::Options Holding(std::size_t requests) {
  return {.max_requests = requests, .max_tokens = 1000, .ageing = absl::Seconds(10)};
}

QueuedRequest Named(const std::string& id) {
  QueuedRequest queued;
  queued.request.id = id;
  return queued;
}

absl::Status Push(RequestQueue& queue, const std::string& id) {
  QueuedRequest queued = Named(id);
  return queue.TryPush(queued);
}

std::vector<std::string> PopAll(RequestQueue& queue) {
  std::vector<std::string> ids;
  for (; const QueuedRequest* next = queue.Next(absl::UnixEpoch()); queue.Pop()) {
    ids.push_back(next->request.id);
  }
  return ids;
}

TEST(RequestQueueTest, KeepsTheOrderOfArrival) {
  RequestQueue queue(Holding(8));
  ASSERT_TRUE(Push(queue, "a").ok());
  ASSERT_TRUE(Push(queue, "b").ok());
  EXPECT_TRUE(queue.Receive(Wait::kUntilSomethingHappens));
  ASSERT_TRUE(Push(queue, "c").ok());
  EXPECT_TRUE(queue.Receive(Wait::kNo));
  EXPECT_THAT(PopAll(queue), ElementsAre("a", "b", "c"));
  EXPECT_EQ(queue.size().requests, 0U);
}

void PushFor(RequestQueue& queue, Caller caller, const std::string& id, absl::Time submitted,
             int priority = 0) {
  QueuedRequest queued = Named(id);
  queued.submitted = submitted;
  queued.request.caller = caller;
  queued.request.priority = priority;
  ASSERT_TRUE(queue.TryPush(queued).ok());
}

TEST(RequestQueueTest, CallersTakeTurns) {
  RequestQueue queue(Holding(8));
  const absl::Time now = absl::UnixEpoch();
  for (const char* id : {"a1", "a2", "a3"}) PushFor(queue, 1, id, now);
  for (const char* id : {"b1", "b2"}) PushFor(queue, 2, id, now);
  PushFor(queue, 3, "c1", now);
  queue.Receive(Wait::kNo);
  EXPECT_THAT(PopAll(queue), ElementsAre("a1", "b1", "c1", "a2", "b2", "a3"));
}

TEST(RequestQueueTest, WhoFilledTheQueueLongAgoIsNotAheadOfWhoComesNow) {
  RequestQueue queue(Holding(8));
  const absl::Time begin = absl::UnixEpoch();
  for (const char* id : {"a1", "a2", "a3"}) PushFor(queue, 1, id, begin);
  queue.Receive(Wait::kNo);
  const absl::Time later = begin + absl::Minutes(10);
  ASSERT_EQ(queue.Next(later)->request.id, "a1");
  queue.Pop();
  PushFor(queue, 2, "b1", later);
  queue.Receive(Wait::kNo);
  EXPECT_EQ(queue.Next(later)->request.id, "b1");
  queue.Pop();
  EXPECT_EQ(queue.Next(later)->request.id, "a2");
}

TEST(RequestQueueTest, PriorityGoesBeforeTurnsAndWaitingRaisesIt) {
  RequestQueue queue(Holding(8));
  const absl::Time begin = absl::UnixEpoch();
  PushFor(queue, 1, "low", begin, -2);
  PushFor(queue, 2, "b1", begin);
  PushFor(queue, 2, "b2", begin);
  queue.Receive(Wait::kNo);
  ASSERT_EQ(queue.Next(begin)->request.id, "b1");
  queue.Pop();
  EXPECT_EQ(queue.Next(begin)->request.id, "b2");  // though it is the other's turn
  // Later the first caller has waited for three priorities, the second, which was served, for two.
  PushFor(queue, 2, "b3", begin + absl::Seconds(25));
  queue.Receive(Wait::kNo);
  EXPECT_EQ(queue.Next(begin + absl::Seconds(25))->request.id, "b2");
  queue.Pop();
  EXPECT_EQ(queue.Next(begin + absl::Seconds(25))->request.id, "low");
}

TEST(RequestQueueTest, WhatIsAheadOfANewcomerDependsOnItsCallersTurns) {
  RequestQueue queue(Holding(100));
  const absl::Time now = absl::UnixEpoch();
  for (int i = 0; i < 40; ++i) PushFor(queue, 1, "a", now);
  for (int i = 0; i < 3; ++i) PushFor(queue, 2, "b", now);
  EXPECT_EQ(queue.SizeAhead(1).requests, 43U);
  EXPECT_EQ(queue.SizeAhead(2).requests, 3U + 4U);
  EXPECT_EQ(queue.SizeAhead(3).requests, 2U);
  EXPECT_EQ(queue.SizeAhead(2).choices, 7U);
  queue.Receive(Wait::kNo);
  queue.RemoveIf([](const QueuedRequest& queued) { return queued.request.caller == 2; });
  EXPECT_EQ(queue.SizeAhead(3).requests, 1U);
  PopAll(queue);
  EXPECT_EQ(queue.SizeAhead(1).requests, 0U);
}

// However many requests one caller has in line, another's wait is that for as many turns as there
// are callers.
TEST(RequestQueueTest, ANeighborOfOneWhoFillsTheQueueWaitsForOneTurn) {
  RequestQueue queue(Holding(1000));
  absl::Time now = absl::UnixEpoch();
  int pushed = 0;
  int turns_until_served = 0;
  int served_neighbor = 0;
  for (int step = 0; step < 2000; ++step) {
    now += absl::Seconds(1);
    while (queue.size().requests < 900) PushFor(queue, 1, absl::StrCat("hog", pushed++), now);
    if (step % 10 == 0) {
      PushFor(queue, 2, "neighbor", now);
      turns_until_served = 0;
    }
    queue.Receive(Wait::kNo);
    const std::string served = queue.Next(now)->request.id;
    queue.Pop();
    ++turns_until_served;
    if (served != "neighbor") continue;
    ++served_neighbor;
    EXPECT_LE(turns_until_served, 2);
  }
  EXPECT_EQ(served_neighbor, 200);
}

TEST(RequestQueueTest, BothHalvesCountAgainstTheCapacity) {
  RequestQueue queue(Holding(2));
  ASSERT_TRUE(Push(queue, "a").ok());
  queue.Receive(Wait::kNo);
  ASSERT_TRUE(Push(queue, "b").ok());
  EXPECT_EQ(queue.size().requests, 2U);
  const absl::Status full = Push(queue, "c");
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(full.message(), HasSubstr("2 requests"));
  ASSERT_NE(queue.Next(absl::UnixEpoch()), nullptr);
  queue.Pop();
  EXPECT_TRUE(Push(queue, "d").ok());
}

TEST(RequestQueueTest, ARefusedRequestIsLeftAsItIs) {
  Admission admission(1);
  RequestQueue queue(Holding(0));
  QueuedRequest queued = Named("a");
  queued.request.permit = admission.TryEnter();
  EXPECT_FALSE(queue.TryPush(queued).ok());
  EXPECT_EQ(queued.request.id, "a");
  EXPECT_EQ(admission.held(), 1U);
}

TEST(RequestQueueTest, WhatFollowsInACallThatWasLetInIsNotRefusedWhenItIsFull) {
  RequestQueue queue({.max_requests = 1, .max_tokens = 10, .ageing = absl::Seconds(10)});
  ASSERT_TRUE(Push(queue, "a").ok());
  ASSERT_FALSE(Push(queue, "b").ok());
  QueuedRequest queued = Named("c");
  queued.request.prompt.resize(100);
  queued.request.follows = true;
  ASSERT_TRUE(queue.TryPush(queued).ok());
  EXPECT_TRUE(queue.Receive(Wait::kNo));
  EXPECT_THAT(PopAll(queue), ElementsAre("a", "c"));
  EXPECT_EQ(queue.size().prompt_tokens, 0U);
}

TEST(RequestQueueTest, WhatIsExpectedComesThoughItIsClosed) {
  RequestQueue queue(Holding(8));
  queue.Expect();
  queue.Close(absl::UnavailableError("shutting down"));
  EXPECT_TRUE(queue.Receive(Wait::kUntilSomethingHappens)) << "something is expected";
  EXPECT_FALSE(Push(queue, "a").ok());
  QueuedRequest queued = Named("b");
  queued.request.follows = true;
  ASSERT_TRUE(queue.TryPush(queued).ok());
  queue.ExpectNoMore();
  EXPECT_TRUE(queue.Receive(Wait::kNo));
  EXPECT_THAT(PopAll(queue), ElementsAre("b"));
  EXPECT_FALSE(queue.Receive(Wait::kUntilSomethingHappens));
  queued = Named("c");
  queued.request.follows = true;
  EXPECT_FALSE(queue.TryPush(queued).ok()) << "nothing is expected any more";
}

TEST(RequestQueueTest, AfterCloseItRefusesWithTheReasonAndKeepsWhatItHas) {
  RequestQueue queue(Holding(8));
  ASSERT_TRUE(Push(queue, "a").ok());
  queue.Close(absl::UnavailableError("first"));
  queue.Close(absl::UnavailableError("second"));
  EXPECT_EQ(Push(queue, "b"), absl::UnavailableError("first"));
  EXPECT_TRUE(queue.Receive(Wait::kUntilSomethingHappens));
  EXPECT_THAT(PopAll(queue), ElementsAre("a"));
  EXPECT_FALSE(queue.Receive(Wait::kUntilSomethingHappens));
}

TEST(RequestQueueTest, AnEmptyOpenQueueIsNotTheEnd) {
  RequestQueue queue(Holding(8));
  EXPECT_TRUE(queue.Receive(Wait::kNo));
}

TEST(RequestQueueTest, SomebodyInLineIsReasonEnoughNotToSleep) {
  RequestQueue queue(Holding(8));
  ASSERT_TRUE(Push(queue, "a").ok());
  queue.Receive(Wait::kNo);
  EXPECT_TRUE(queue.Receive(Wait::kUntilSomethingHappens));  // would hang
  EXPECT_NE(queue.Next(absl::UnixEpoch()), nullptr);
}

TEST(RequestQueueTest, RemovesFromTheMiddleAndGivesThePlacesBack) {
  Admission admission(4);
  RequestQueue queue(Holding(4));
  for (const char* id : {"a", "b", "c", "d"}) {
    QueuedRequest queued = Named(id);
    queued.request.permit = admission.TryEnter();
    ASSERT_TRUE(queue.TryPush(queued).ok());
  }
  queue.Receive(Wait::kNo);
  queue.RemoveIf([](const QueuedRequest& queued) {
    return queued.request.id == "b" || queued.request.id == "d";
  });
  EXPECT_EQ(queue.size().requests, 2U);
  EXPECT_EQ(admission.held(), 2U);
  EXPECT_THAT(PopAll(queue), ElementsAre("a", "c"));
}

TEST(RequestQueueTest, LosesNothingBetweenThreads) {
  constexpr std::size_t kThreads = 4;
  constexpr std::size_t kEach = 2000;
  RequestQueue queue({.max_requests = kThreads * kEach, .max_tokens = kThreads * kEach * kEach});
  std::vector<std::thread> senders;
  for (std::size_t t = 0; t < kThreads; ++t) {
    senders.emplace_back([&queue, t] {
      for (std::size_t i = 0; i < kEach; ++i) {
        QueuedRequest queued;
        queued.request.id = absl::StrCat(t);
        queued.request.prompt.resize(i);
        EXPECT_TRUE(queue.TryPush(queued).ok());
      }
    });
  }
  std::vector<std::size_t> next(kThreads, 0);  // of each sender, in its order
  for (std::size_t received = 0; received < kThreads * kEach; ++received) {
    const QueuedRequest* first = queue.Next(absl::UnixEpoch());
    while (first == nullptr) {
      queue.Receive(Wait::kUntilSomethingHappens);
      first = queue.Next(absl::UnixEpoch());
    }
    ASSERT_EQ(first->request.prompt.size(), next[std::stoul(first->request.id)]++);
    queue.Pop();
  }
  for (std::thread& sender : senders) sender.join();
  EXPECT_EQ(queue.size().requests, 0U);
  EXPECT_EQ(queue.size().prompt_tokens, 0U);
}

TEST(RequestQueueTest, CountsThePromptsOfThoseThatWait) {
  RequestQueue queue({.max_requests = 9, .max_tokens = 10});
  QueuedRequest six = Named("six");
  six.request.prompt.resize(6);
  QueuedRequest five = Named("five");
  five.request.prompt.resize(5);
  ASSERT_TRUE(queue.TryPush(six).ok());
  const absl::Status full = queue.TryPush(five);
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(full.message(), HasSubstr("6 prompt tokens wait, of at most 10; the prompt has 5"));
  EXPECT_EQ(five.request.prompt.size(), 5U) << "a request that is refused stays whole";
  queue.Receive(Wait::kNo);
  queue.RemoveIf([](const QueuedRequest&) { return true; });
  EXPECT_TRUE(queue.TryPush(five).ok());
}

TEST(RequestQueueTest, APromptOfMoreTokensThanMayWaitWaitsAlone) {
  RequestQueue queue({.max_requests = 9, .max_tokens = 10});
  QueuedRequest longest = Named("longest");
  longest.request.prompt.resize(11);
  ASSERT_TRUE(queue.TryPush(longest).ok()) << "it would be refused for ever";
  QueuedRequest next = Named("next");
  next.request.prompt.resize(1);
  EXPECT_EQ(queue.TryPush(next).code(), absl::StatusCode::kResourceExhausted);
  queue.Receive(Wait::kNo);
  queue.RemoveIf([](const QueuedRequest&) { return true; });
  EXPECT_TRUE(queue.TryPush(next).ok());
  longest.request.prompt.resize(11);
  EXPECT_EQ(queue.TryPush(longest).code(), absl::StatusCode::kResourceExhausted) << "not alone";
}

TEST(RequestQueueTest, HigherPrioritiesComeFirstAndEqualsInOrder) {
  RequestQueue queue(Holding(8));
  for (const auto& [id, priority] : {std::pair("low", -1), {"a", 0}, {"high", 3}, {"b", 0}}) {
    QueuedRequest queued = Named(id);
    queued.request.priority = priority;
    queued.submitted = absl::UnixEpoch();
    ASSERT_TRUE(queue.TryPush(queued).ok());
  }
  queue.Receive(Wait::kNo);
  EXPECT_THAT(PopAll(queue), ElementsAre("high", "a", "b", "low"));
}

TEST(RequestQueueTest, WaitingRaisesThePrioritySoThatNoneWaitsForEver) {
  RequestQueue queue(Holding(8));  // ages by one in 10 s
  QueuedRequest old = Named("old");
  old.request.priority = -2;
  old.submitted = absl::UnixEpoch();
  QueuedRequest fresh = Named("fresh");
  fresh.submitted = absl::UnixEpoch() + absl::Seconds(25);
  ASSERT_TRUE(queue.TryPush(fresh).ok());
  ASSERT_TRUE(queue.TryPush(old).ok());
  queue.Receive(Wait::kNo);
  const auto next_at = [&queue](int seconds) {
    return queue.Next(absl::UnixEpoch() + absl::Seconds(seconds))->request.id;
  };
  EXPECT_EQ(next_at(19), "fresh") << "-2 + 1 against 0";
  EXPECT_EQ(next_at(29), "fresh") << "-2 + 2 against 0: equals, and it is before it in the line";
  EXPECT_EQ(next_at(30), "old") << "-2 + 3 against 0";
  EXPECT_EQ(next_at(36), "fresh") << "-2 + 3 against 0 + 1";
}

TEST(RequestQueueTest, AWakeEndsAWaitEvenIfItCameBefore) {
  RequestQueue queue(Holding(1));
  queue.Wake();
  EXPECT_TRUE(queue.Receive(Wait::kUntilSomethingHappens));  // would hang
  queue.Wake();
  EXPECT_TRUE(queue.Receive(Wait::kBriefly));
}

}  // namespace
}  // namespace cascade::server
