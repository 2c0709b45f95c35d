// SPDX-License-Identifier: Apache-2.0
// Unary calls over a batch of generations.
#include "server/grpc/call/unary_call.h"

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/engine/admission.h"
#include "server/grpc/call/generation_call.h"
#include "tests/server/grpc/call/fake_call.h"

namespace cascade::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using FakeUnary = UnaryCall<Letters, FakeReactor>;

class UnaryCallTest : public CallTest {
 protected:
  FakeUnary* NewUnary() {
    return new FakeUnary({"test", "Unary"}, response_, context_, environment_);
  }

  std::vector<std::string> response_;
};

TEST_F(UnaryCallTest, AnswersInItsRequestsOrderOnceAllHaveFinished) {
  FakeUnary& call = *NewUnary();
  std::array<Generation*, 3> generations = {&Add(call, 'a'), &Add(call, 'b'), &Add(call, 'c')};
  call.Accept();
  const std::shared_ptr<Wire> wire = call.wire();
  for (Generation* generation : generations) generation->OnStep(0, Step("1"));
  for (std::size_t i = 0; i < 2 * kMaxUnsent.tokens; ++i) generations[1]->OnStep(0, Step("2"));
  EXPECT_FALSE(generations[1]->IsStalled());  // nothing can be sent, so nobody is behind
  generations[2]->OnFinished({});
  generations[0]->OnFinished({});
  EXPECT_FALSE(wire->status.has_value());
  generations[1]->OnFinished({});
  EXPECT_TRUE(wire->AwaitStatus().ok());
  EXPECT_FALSE(wire->headers);
  EXPECT_THAT(response_, ElementsAre("a:1", HasSubstr("b:12222"), "c:1"));
  call.OnDone();
}

TEST_F(UnaryCallTest, FailsWithItsFirstFailure) {
  FakeUnary& call = *NewUnary();
  Generation& a = Add(call, 'a');
  Generation& b = Add(call, 'b');
  call.Accept();
  const std::shared_ptr<Wire> wire = call.wire();
  b.OnFailed(absl::DeadlineExceededError("late"));
  EXPECT_TRUE(a.IsCancelled());
  a.OnFinished({});
  EXPECT_EQ(wire->AwaitStatus().error_message(), "late");
  EXPECT_THAT(response_, IsEmpty());
  call.OnDone();
}

TEST_F(UnaryCallTest, NoMemoryForAResponseEndsTheCall) {
  FakeUnary& call = *NewUnary();
  Generation& a = Add(call, 'a');
  Generation& b = Add(call, 'b', /*fails_at=*/0);
  a.OnFinished({});
  b.OnFinished({});
  const std::shared_ptr<Wire> wire = call.wire();
  call.Accept();
  EXPECT_EQ(wire->AwaitStatus().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  call.OnDone();
}

TEST_F(UnaryCallTest, ACancelledCallCancelsItsWholeBatch) {
  FakeUnary& call = *NewUnary();
  Generation& a = Add(call, 'a');
  Generation& b = Add(call, 'b');
  call.Accept();
  const std::shared_ptr<Wire> wire = call.wire();
  call.OnCancel();
  EXPECT_TRUE(a.IsCancelled());
  EXPECT_TRUE(b.IsCancelled());
  a.OnFailed(absl::CancelledError("cancelled"));
  b.OnFailed(absl::CancelledError("cancelled"));
  EXPECT_EQ(wire->AwaitStatus().error_code(), grpc::StatusCode::CANCELLED);
  call.OnDone();
}

// ---- Calls of more requests than they may have at the worker at once.

class PutOffTest : public UnaryCallTest {
 protected:
  PutOffTest() {
    std::vector<Admission::Permit> places;
    for (int i = 0; i < 2; ++i) places.push_back(admission_.TryEnter());
    call_.HoldPlaces(std::move(places));
    for (const char name : {'a', 'b', 'c', 'd'}) generations_.push_back(&Add(call_, name));
  }

  void PutOff(std::size_t i, const Generation* after = nullptr) {
    GenerationRequest request;
    request.id = std::to_string(i);
    request.sink = generations_[i];
    call_.PutOff(std::move(request), after);
  }

  // Waits until the worker has had so many requests, and tells which.
  std::string Submitted(std::size_t count) {
    while (true) {
      {
        const MutexLock lock(submitted_mu_);
        if (submitted_.size() >= count) {
          std::string ids;
          for (const GenerationRequest& request : submitted_) ids += request.id;
          return ids;
        }
      }
      std::this_thread::yield();
    }
  }

  Admission admission_{2};
  FakeUnary& call_ = *NewUnary();
  const std::shared_ptr<Wire> wire_ = call_.wire();
  std::vector<Generation*> generations_;
};

TEST_F(PutOffTest, OneFollowsTheOtherInTheirPlaces) {
  for (std::size_t i = 0; i < 4; ++i) PutOff(i);
  call_.SubmitFirst();
  EXPECT_EQ(Submitted(2), "01");
  EXPECT_FALSE(submitted_[0].follows) << "it may be refused, and then the call is";
  EXPECT_TRUE(submitted_[1].follows) << "the call was let in";
  call_.Accept();
  EXPECT_EQ(Submitted(2), "01");
  generations_[1]->OnFinished({});
  EXPECT_EQ(Submitted(3), "012");
  EXPECT_EQ(admission_.held(), 2U);
  EXPECT_GT(expected_.use_count(), 1) << "another one follows";
  generations_[0]->OnFinished({});
  EXPECT_EQ(Submitted(4), "0123");
  EXPECT_EQ(admission_.held(), 2U);
  generations_[2]->OnFinished({});
  EXPECT_EQ(admission_.held(), 1U) << "nobody will need the other place";
  EXPECT_FALSE(wire_->status.has_value());
  generations_[3]->OnFinished({});
  EXPECT_EQ(admission_.held(), 0U);
  EXPECT_TRUE(wire_->AwaitStatus().ok());
  EXPECT_EQ(response_.size(), 4U);
  EXPECT_EQ(expected_.use_count(), 1);
  call_.OnDone();
}

TEST_F(PutOffTest, WhatComesAfterAnotherWaitsForItThoughThereIsAPlace) {
  PutOff(0);
  PutOff(1, generations_[0]);
  PutOff(2, generations_[0]);
  PutOff(3);
  call_.SubmitFirst();
  call_.Accept();
  EXPECT_EQ(Submitted(2), "03");
  generations_[3]->OnFinished({});
  generations_[0]->OnFinished({});
  EXPECT_EQ(Submitted(4), "0312");
  generations_[1]->OnFinished({});
  generations_[2]->OnFinished({});
  EXPECT_TRUE(wire_->AwaitStatus().ok());
  call_.OnDone();
}

TEST_F(PutOffTest, AFailureEndsTheCallAndWhatWaitsIsNeverRun) {
  for (std::size_t i = 0; i < 4; ++i) PutOff(i);
  call_.SubmitFirst();
  call_.Accept();
  generations_[0]->OnFailed(absl::InternalError("broken"));
  EXPECT_TRUE(generations_[1]->IsCancelled());
  EXPECT_FALSE(wire_->status.has_value());
  generations_[1]->OnFailed(absl::CancelledError("cancelled"));
  EXPECT_EQ(wire_->AwaitStatus().error_message(), "broken");
  EXPECT_EQ(Submitted(2), "01");
  EXPECT_EQ(admission_.held(), 0U);
  call_.OnDone();
}

TEST_F(PutOffTest, ACancelledCallEnds) {
  for (std::size_t i = 0; i < 4; ++i) PutOff(i);
  call_.SubmitFirst();
  call_.Accept();
  call_.OnCancel();
  for (std::size_t i = 0; i < 2; ++i) {
    generations_[i]->OnFailed(absl::CancelledError("cancelled"));
  }
  EXPECT_EQ(wire_->AwaitStatus().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_EQ(Submitted(2), "01");
  call_.OnDone();
}

TEST_F(PutOffTest, ARefusalByTheWorkerIsTheCalls) {
  for (std::size_t i = 0; i < 4; ++i) PutOff(i);
  refuse_submitted_ = true;
  call_.SubmitFirst();
  call_.Accept();
  EXPECT_EQ(wire_->AwaitStatus().error_message(), "full");
  EXPECT_EQ(admission_.held(), 0U);
  call_.OnDone();
}

}  // namespace
}  // namespace cascade::server
