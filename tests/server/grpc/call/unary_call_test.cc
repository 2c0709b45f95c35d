// SPDX-License-Identifier: Apache-2.0
// Unary calls over a batch of generations.
#include "server/grpc/call/unary_call.h"

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
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

}  // namespace
}  // namespace cascade::server
