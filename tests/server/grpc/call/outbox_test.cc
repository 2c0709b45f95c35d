// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/call/outbox.h"

#include <atomic>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cascade::server {
namespace {

using ::testing::ElementsAre;

// Counts how often it was asked to send; waits to be asked once more.
class Counter final : public Outbox::Sender {
 public:
  void Send() noexcept override {
    ++sent_;
    sent_.notify_all();
  }

  void WaitFor(int count) const {
    for (int n = sent_.load(); n < count; n = sent_.load()) sent_.wait(n);
  }

  int sent() const { return sent_.load(); }

 private:
  std::atomic<int> sent_ = 0;
};

// Runs what it is given when it is asked to send.
template <typename Body>
class Doer final : public Outbox::Sender {
 public:
  explicit Doer(Body body) : body_(std::move(body)) {}
  void Send() noexcept override { body_(); }

 private:
  Body body_;
};

TEST(OutboxTest, SendsOnceForEachPost) {
  Counter counter;
  {
    Outbox outbox;
    for (int i = 1; i <= 1000; ++i) {
      outbox.Post(counter);
      counter.WaitFor(i);
    }
  }
  EXPECT_EQ(counter.sent(), 1000);
}

TEST(OutboxTest, SendsOnAThreadOfItsOwn) {
  std::thread::id sender;
  Doer doer([&sender] { sender = std::this_thread::get_id(); });
  Counter after;
  Outbox outbox;
  outbox.Post(doer);
  outbox.Post(after);
  after.WaitFor(1);
  EXPECT_NE(sender, std::this_thread::get_id());
  EXPECT_NE(sender, std::thread::id());
}

TEST(OutboxTest, SendsInTheOrderOfPosts) {
  Outbox outbox;
  std::vector<int> order;
  Counter last;
  std::atomic<bool> go = false;
  Doer gate([&go] { go.wait(false); });  // so that the others gather
  Doer first([&order] { order.push_back(1); });
  Doer second([&order] { order.push_back(2); });
  Doer third([&order] { order.push_back(3); });
  outbox.Post(gate);
  outbox.Post(first);
  outbox.Post(second);
  outbox.Post(third);
  outbox.Post(last);
  go = true;
  go.notify_one();
  last.WaitFor(1);
  EXPECT_THAT(order, ElementsAre(1, 2, 3));
}

TEST(OutboxTest, ASenderMayBePostedAgainWhileItSends) {
  Outbox outbox;
  Counter done;
  int rounds = 0;
  struct Again final : Outbox::Sender {
    Again(Outbox& box, Counter& end, int& count) : outbox(box), done(end), rounds(count) {}
    void Send() noexcept override {
      outbox.Post(++rounds < 100 ? static_cast<Outbox::Sender&>(*this) : done);
    }
    Outbox& outbox;
    Counter& done;
    int& rounds;
  } again(outbox, done, rounds);
  outbox.Post(again);
  done.WaitFor(1);
  EXPECT_EQ(rounds, 100);
}

TEST(OutboxTest, TakesPostsFromManyThreads) {
  std::vector<Counter> counters(8);
  {
    Outbox outbox;
    std::vector<std::thread> threads;
    for (Counter& counter : counters) {
      threads.emplace_back([&outbox, &counter] {
        for (int i = 1; i <= 2000; ++i) {
          outbox.Post(counter);
          counter.WaitFor(i);
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  for (const Counter& counter : counters) EXPECT_EQ(counter.sent(), 2000);
}

TEST(OutboxTest, EndsWithNothingToDo) { const Outbox outbox; }

}  // namespace
}  // namespace cascade::server
