// SPDX-License-Identifier: Apache-2.0

#include "server/engine/admission.h"

#include <atomic>
#include <cstddef>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace cascade::server {
namespace {

TEST(AdmissionTest, RefusesBeyondItsLimitAndNeverWaits) {
  Admission admission(2);
  const Admission::Permit first = admission.TryEnter();
  const Admission::Permit second = admission.TryEnter();
  EXPECT_TRUE(first);
  EXPECT_TRUE(second);
  EXPECT_FALSE(admission.TryEnter());
  EXPECT_EQ(admission.held(), 2U);
}

TEST(AdmissionTest, APlaceThatIsGivenBackIsFreeAtOnce) {
  Admission admission(1);
  Admission::Permit permit = admission.TryEnter();
  permit = {};
  EXPECT_FALSE(permit);
  EXPECT_EQ(admission.held(), 0U);
  EXPECT_TRUE(admission.TryEnter());
}

TEST(AdmissionTest, AMovedPermitIsOnePlace) {
  Admission admission(3);
  Admission::Permit permit = admission.TryEnter();
  {
    const Admission::Permit moved = std::move(permit);
    EXPECT_EQ(admission.held(), 1U);
  }
  EXPECT_EQ(admission.held(), 0U);
  permit = admission.TryEnter();
  permit = admission.TryEnter();  // gives back the one that it held
  EXPECT_EQ(admission.held(), 1U);
}

TEST(AdmissionTest, AnEmptyPermitHoldsNothing) {
  Admission admission(0);
  EXPECT_FALSE(admission.TryEnter());
  EXPECT_FALSE(Admission::Permit());
  EXPECT_EQ(admission.held(), 0U);
}

TEST(AdmissionTest, OneCallerLeavesPlacesForOthers) {
  Admission admission(32);
  std::vector<Admission::Permit> permits;
  while (Admission::Permit permit = admission.TryEnter(/*caller=*/7)) {
    permits.push_back(std::move(permit));
  }
  EXPECT_EQ(permits.size(), 30U);
  EXPECT_EQ(admission.limit_for_one(), 30U);
  const Admission::Permit other = admission.TryEnter(/*caller=*/8);
  EXPECT_TRUE(other);
  permits.pop_back();
  EXPECT_TRUE(admission.TryEnter(/*caller=*/7));
}

TEST(AdmissionTest, OneCallerMayHaveAllOfAFewPlaces) {
  EXPECT_EQ(Admission(15).limit_for_one(), 15U);
  EXPECT_EQ(Admission(1).limit_for_one(), 1U);
}

TEST(AdmissionTest, HoldsItsLimitAgainstManyThreads) {
  constexpr std::size_t kLimit = 3;
  Admission admission(kLimit);
  std::atomic<std::size_t> inside = 0;
  std::atomic<bool> too_many = false;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5000; ++i) {
        const Admission::Permit permit = admission.TryEnter();
        if (!permit) continue;
        if (inside.fetch_add(1) + 1 > kLimit) too_many = true;
        inside.fetch_sub(1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(too_many);
  EXPECT_EQ(admission.held(), 0U);
}

}  // namespace
}  // namespace cascade::server
