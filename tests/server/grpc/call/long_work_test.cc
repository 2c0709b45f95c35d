// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/call/long_work.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <optional>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cascade::server {
namespace {

using ::testing::ElementsAre;

TEST(LongWorkTest, OneThreadKeepsTheOrder) {
  std::vector<int> done;
  {
    LongWork work(1);
    for (int i = 0; i < 3; ++i) work.Post([&done, i] { done.push_back(i); });
  }
  EXPECT_THAT(done, ElementsAre(0, 1, 2));
}

TEST(LongWorkTest, OneThreadThatIsBusyDoesNotKeepTheOther) {
  LongWork work(2);
  std::promise<void> other;
  std::promise<void> both;
  work.Post([&other, &both] {
    other.get_future().wait();
    both.set_value();
  });
  work.Post([&other] { other.set_value(); });
  both.get_future().wait();
}

TEST(LongWorkTest, ItsThreadsYieldToAllOthers) {
  std::promise<int> niceness;
  LongWork work(1);
  work.Post(
      [&niceness] { niceness.set_value(getpriority(PRIO_PROCESS, static_cast<id_t>(gettid()))); });
  const int own = getpriority(PRIO_PROCESS, static_cast<id_t>(gettid()));
  EXPECT_EQ(niceness.get_future().get(), std::min(own + 10, 19));  // 19: there is none beyond
}

}  // namespace
}  // namespace cascade::server
