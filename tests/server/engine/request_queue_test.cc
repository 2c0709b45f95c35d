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
  for (; queue.waiting() > 0; queue.PopFront()) ids.push_back(queue.Front().request.id);
  return ids;
}

TEST(RequestQueueTest, KeepsTheOrderOfArrival) {
  RequestQueue queue(8);
  ASSERT_TRUE(Push(queue, "a").ok());
  ASSERT_TRUE(Push(queue, "b").ok());
  EXPECT_TRUE(queue.Receive(/*wait=*/true));
  ASSERT_TRUE(Push(queue, "c").ok());
  EXPECT_TRUE(queue.Receive(/*wait=*/false));
  EXPECT_THAT(PopAll(queue), ElementsAre("a", "b", "c"));
  EXPECT_EQ(queue.size(), 0U);
}

TEST(RequestQueueTest, BothHalvesCountAgainstTheCapacity) {
  RequestQueue queue(2);
  ASSERT_TRUE(Push(queue, "a").ok());
  queue.Receive(/*wait=*/false);
  ASSERT_TRUE(Push(queue, "b").ok());
  EXPECT_EQ(queue.size(), 2U);
  const absl::Status full = Push(queue, "c");
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(full.message(), HasSubstr("2 requests"));
  queue.PopFront();
  EXPECT_TRUE(Push(queue, "d").ok());
}

TEST(RequestQueueTest, ARefusedRequestIsLeftAsItIs) {
  Admission admission(1);
  RequestQueue queue(0);
  QueuedRequest queued = Named("a");
  queued.request.permit = admission.TryEnter();
  EXPECT_FALSE(queue.TryPush(queued).ok());
  EXPECT_EQ(queued.request.id, "a");
  EXPECT_EQ(admission.held(), 1U);
}

TEST(RequestQueueTest, AfterCloseItRefusesWithTheReasonAndKeepsWhatItHas) {
  RequestQueue queue(8);
  ASSERT_TRUE(Push(queue, "a").ok());
  queue.Close(absl::UnavailableError("first"));
  queue.Close(absl::UnavailableError("second"));
  EXPECT_EQ(Push(queue, "b"), absl::UnavailableError("first"));
  EXPECT_TRUE(queue.Receive(/*wait=*/true));
  EXPECT_THAT(PopAll(queue), ElementsAre("a"));
  EXPECT_FALSE(queue.Receive(/*wait=*/true));
}

TEST(RequestQueueTest, AnEmptyOpenQueueIsNotTheEnd) {
  RequestQueue queue(8);
  EXPECT_TRUE(queue.Receive(/*wait=*/false));
}

TEST(RequestQueueTest, SomebodyInLineIsReasonEnoughNotToSleep) {
  RequestQueue queue(8);
  ASSERT_TRUE(Push(queue, "a").ok());
  queue.Receive(/*wait=*/false);
  EXPECT_TRUE(queue.Receive(/*wait=*/true));  // would hang
  EXPECT_EQ(queue.waiting(), 1U);
}

TEST(RequestQueueTest, RemovesFromTheMiddleAndGivesThePlacesBack) {
  Admission admission(4);
  RequestQueue queue(4);
  for (const char* id : {"a", "b", "c", "d"}) {
    QueuedRequest queued = Named(id);
    queued.request.permit = admission.TryEnter();
    ASSERT_TRUE(queue.TryPush(queued).ok());
  }
  queue.Receive(/*wait=*/false);
  queue.RemoveIf([](const QueuedRequest& queued) {
    return queued.request.id == "b" || queued.request.id == "d";
  });
  EXPECT_EQ(queue.size(), 2U);
  EXPECT_EQ(admission.held(), 2U);
  EXPECT_THAT(PopAll(queue), ElementsAre("a", "c"));
}

TEST(RequestQueueTest, LosesNothingBetweenThreads) {
  constexpr std::size_t kThreads = 4;
  constexpr std::size_t kEach = 2000;
  RequestQueue queue(kThreads * kEach);
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
    if (queue.waiting() == 0) queue.Receive(/*wait=*/true);
    const GenerationRequest& request = queue.Front().request;
    ASSERT_EQ(request.prompt.size(), next[std::stoul(request.id)]++);
    queue.PopFront();
  }
  for (std::thread& sender : senders) sender.join();
  EXPECT_EQ(queue.size(), 0U);
}

}  // namespace
}  // namespace cascade::server
