// SPDX-License-Identifier: Apache-2.0
// Server streams of several generations.
#include "server/grpc/call/server_stream.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "gtest/gtest.h"
#include "tests/server/grpc/call/fake_call.h"
#include "tests/server/served.h"

namespace cascade::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using FakeStream = ServerStream<Letters, FakeReactor>;

class ServerStreamTest : public CallTest {
 protected:
  FakeStream* NewStream() { return new FakeStream({"test", "Stream"}, context_, environment_); }
};

TEST_F(ServerStreamTest, GenerationsTakeTurnsAndEachKeepsItsOrder) {
  FakeStream& call = *NewStream();
  Generation& a = Add(call, 'a');
  Generation& b = Add(call, 'b');
  call.Accept();
  const std::shared_ptr<Wire> wire = call.wire();
  EXPECT_TRUE(wire->headers);
  a.OnStep(0, Step("1"));
  EXPECT_EQ(wire->NextMessage(), "a:1");
  a.OnStep(0, Step("2"));  // which gather while "a:1" is in flight
  b.OnStep(0, Step("x"));
  a.OnStep(0, Step("3"));
  EndWrite(call);
  EXPECT_EQ(wire->NextMessage(), "b:x");
  a.OnFinished({});
  EndWrite(call);
  EXPECT_EQ(wire->NextMessage(), "a:23");
  EndWrite(call);
  EXPECT_EQ(wire->NextMessage(), "a.");
  EndWrite(call);
  EXPECT_FALSE(wire->status.has_value());  // b goes on
  b.OnStep(0, Step("y"));
  EXPECT_EQ(wire->NextMessage(), "b:y");
  b.OnFinished({});
  EndWrite(call);
  EXPECT_EQ(wire->NextMessage(), "b.");
  EXPECT_TRUE(wire->AwaitStatus().ok());
  call.OnDone();
}

TEST_F(ServerStreamTest, NothingIsSentBeforeTheCallIsAccepted) {
  FakeStream& call = *NewStream();
  Generation& a = Add(call, 'a');
  a.OnStep(0, Step("1"));
  a.OnFinished({});
  const std::shared_ptr<Wire> wire = call.wire();
  EXPECT_THAT(wire->messages, IsEmpty());
  call.Accept();
  EXPECT_EQ(wire->NextMessage(), "a:1");
  EndWrite(call);
  EXPECT_TRUE(wire->AwaitStatus().ok());
  call.OnDone();
}

TEST_F(ServerStreamTest, ACancelledCallCancelsAllItsGenerations) {
  FakeStream& call = *NewStream();
  Generation& a = Add(call, 'a');
  Generation& b = Add(call, 'b');
  call.Accept();
  const std::shared_ptr<Wire> wire = call.wire();
  call.OnCancel();
  EXPECT_TRUE(a.IsCancelled());
  EXPECT_TRUE(b.IsCancelled());
  EXPECT_EQ(wakes_, 1);
  a.OnFailed(absl::CancelledError("cancelled"));
  EXPECT_FALSE(wire->status.has_value());  // the worker still has b
  b.OnFailed(absl::CancelledError("cancelled"));
  EXPECT_EQ(wire->AwaitStatus().error_code(), grpc::StatusCode::CANCELLED);
  call.OnDone();
}

TEST_F(ServerStreamTest, ARequestIdCancelsItsOwnGenerationOnly) {
  FakeStream& call = *NewStream();
  Generation& a = Add(call, 'a');
  Generation& b = Add(call, 'b');
  call.Accept();
  EXPECT_EQ(index_.Cancel("", "b"), 1U);
  EXPECT_FALSE(a.IsCancelled());
  EXPECT_TRUE(b.IsCancelled());
  const std::shared_ptr<Wire> wire = call.wire();
  a.OnFailed(absl::CancelledError("cancelled"));
  b.OnFailed(absl::CancelledError("cancelled"));
  wire->AwaitStatus();
  call.OnDone();
  EXPECT_EQ(index_.Cancel("", "b"), 0U);
}

TEST_F(ServerStreamTest, OnlyTheGenerationThatIsTooFarBehindIsStalled) {
  FakeStream& call = *NewStream();
  Generation& a = Add(call, 'a');
  Generation& b = Add(call, 'b');
  call.Accept();
  const std::shared_ptr<Wire> wire = call.wire();
  a.OnStep(0, Step("1"));
  EXPECT_EQ(wire->NextMessage(), "a:1");
  for (std::size_t i = 0; i < kMaxUnsent.tokens; ++i) {
    a.OnStep(0, Step("1"));
    EXPECT_FALSE(a.IsStalled());
  }
  b.OnStep(0, Step("x"));
  a.OnStep(0, Step("1"));
  EXPECT_TRUE(a.IsStalled());
  EXPECT_FALSE(b.IsStalled());
  EndWrite(call);
  EXPECT_EQ(wire->NextMessage(), "b:x");
  EXPECT_TRUE(a.IsStalled());  // until its own message is taken
  EXPECT_EQ(wakes_, 0);
  EndWrite(call);
  EXPECT_EQ(wire->NextMessage(), absl::StrCat("a:", std::string(kMaxUnsent.tokens + 1, '1')));
  EXPECT_FALSE(a.IsStalled());
  EXPECT_EQ(wakes_, 1);
  a.OnFinished({});
  b.OnFinished({});
  EndWrite(call);
  wire->NextMessage();
  EndWrite(call);
  EXPECT_TRUE(wire->AwaitStatus().ok());
  call.OnDone();
}

TEST_F(ServerStreamTest, EndsInEveryOrder) {
  for (int failing = 0; failing < 8; ++failing) {
    std::array<int, 3> order = {0, 1, 2};
    do {
      FakeStream& call = *NewStream();
      std::array<Generation*, 3> generations = {&Add(call, 'a'), &Add(call, 'b'), &Add(call, 'c')};
      call.Accept();
      const std::shared_ptr<Wire> wire = call.wire();
      std::optional<int> first_failure;
      for (const int i : order) {
        EXPECT_FALSE(wire->status.has_value());
        if ((failing >> i & 1) == 0) {
          generations[static_cast<std::size_t>(i)]->OnFinished({});
          continue;
        }
        if (!first_failure) first_failure = i;
        generations[static_cast<std::size_t>(i)]->OnFailed(absl::InternalError(absl::StrCat(i)));
      }
      // Each that finished says so, and then the call ends.
      for (int events = 3 - (first_failure ? 0 : 1); events > 0; --events) {
        wire->Await([](const Wire& w) { return w.writing || w.status.has_value(); });
        if (wire->status.has_value()) break;
        EndWrite(call);
      }
      const grpc::Status status = wire->AwaitStatus();
      EXPECT_EQ(status.error_message(), first_failure ? absl::StrCat(*first_failure) : "");
      EXPECT_EQ(status.ok(), !first_failure.has_value());
      call.OnDone();
    } while (std::next_permutation(order.begin(), order.end()));
  }
}

TEST_F(ServerStreamTest, AFailureCancelsTheOthersAndWaitsForThem) {
  FakeStream& call = *NewStream();
  Generation& a = Add(call, 'a');
  Generation& b = Add(call, 'b');
  call.Accept();
  const std::shared_ptr<Wire> wire = call.wire();
  a.OnFailed(absl::InternalError("broken"));
  EXPECT_TRUE(b.IsCancelled());
  b.OnStep(0, Step("x"));  // of the step that was running
  EXPECT_EQ(wire->NextMessage(), "b:x");
  b.OnFailed(absl::CancelledError("cancelled"));
  EndWrite(call);
  EXPECT_EQ(wire->AwaitStatus().error_message(), "broken");
  call.OnDone();
}

TEST_F(ServerStreamTest, AClientThatIsGoneEndsAll) {
  FakeStream& call = *NewStream();
  Generation& a = Add(call, 'a');
  Generation& b = Add(call, 'b');
  call.Accept();
  const std::shared_ptr<Wire> wire = call.wire();
  a.OnStep(0, Step("1"));
  EXPECT_EQ(wire->NextMessage(), "a:1");
  b.OnStep(0, Step("x"));
  EndWrite(call, /*ok=*/false);
  EXPECT_TRUE(a.IsCancelled());
  EXPECT_TRUE(b.IsCancelled());
  a.OnFinished({});
  b.OnFinished({});
  EXPECT_EQ(wire->AwaitStatus().error_message(), "the client went away");
  EXPECT_THAT(wire->messages, ElementsAre("a:1"));
  call.OnDone();
}

TEST_F(ServerStreamTest, NoMemoryForAnEventEndsTheCall) {
  FakeStream& call = *NewStream();
  Generation& a = Add(call, 'a');
  Generation& b = Add(call, 'b', /*fails_at=*/1);
  call.Accept();
  const std::shared_ptr<Wire> wire = call.wire();
  b.OnStep(0, Step("x"));
  EXPECT_EQ(wire->NextMessage(), "b:x");
  b.OnStep(0, Step("y"));
  EndWrite(call);
  EXPECT_TRUE(a.IsCancelled());
  EXPECT_TRUE(b.IsCancelled());
  a.OnFailed(absl::CancelledError("cancelled"));
  b.OnFinished({});
  const grpc::Status status = wire->AwaitStatus();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(status.error_message(), "memory ran out while the answer was sent");
  call.OnDone();
}

TEST_F(ServerStreamTest, ARefusalHasNoHeadersAndSaysWhenToComeBack) {
  FakeStream& call = *NewStream();
  Add(call, 'a').OnFailed(absl::ResourceExhaustedError("full"));
  Add(call, 'b').OnFailed(absl::CancelledError("cancelled"));
  const std::shared_ptr<Wire> wire = call.wire();
  call.Accept();
  EXPECT_FALSE(wire->headers);
  google::rpc::RetryInfo retry;
  ASSERT_TRUE(cascade::testing::FindDetail(wire->AwaitStatus(), retry));
  EXPECT_EQ(retry.retry_delay().seconds(), 7);
  call.OnDone();
}

TEST_F(ServerStreamTest, ACallThatStartedIsNotToldToComeBack) {
  FakeStream& call = *NewStream();
  Generation& a = Add(call, 'a');
  Generation& b = Add(call, 'b');
  a.OnStarted(0);
  b.OnFailed(absl::ResourceExhaustedError("memory ran out"));
  a.OnFailed(absl::CancelledError("cancelled"));
  const std::shared_ptr<Wire> wire = call.wire();
  call.Accept();
  EXPECT_EQ(wire->AwaitStatus().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(wire->AwaitStatus().error_details(), "");
  call.OnDone();
}

// The worker, the outbox and gRPC all at once, each as fast as it can: for ThreadSanitizer, and for
// AddressSanitizer, which would see a call that is used after its end.
TEST_F(ServerStreamTest, NobodyUsesACallThatIsOver) {
  constexpr int kCalls = 300;
  for (int n = 0; n < kCalls; ++n) {
    FakeStream& call = *NewStream();
    std::array<Generation*, 3> generations = {&Add(call, 'a'), &Add(call, 'b'), &Add(call, 'c')};
    const std::shared_ptr<Wire> wire = call.wire();
    std::thread worker([&generations, n] {
      for (int i = 0; i < 5; ++i) {
        for (Generation* generation : generations) generation->OnStep(0, Step("1"));
      }
      for (std::size_t i = 0; i < generations.size(); ++i) {
        Generation& generation = *generations[(i + static_cast<std::size_t>(n)) % 3];
        if (n % 4 == 3 && i == 1) {
          generation.OnFailed(absl::AbortedError("slow"));
        } else {
          generation.OnFinished({});
        }
      }
    });
    call.Accept();
    while (true) {
      wire->Await([](const Wire& w) { return w.writing || w.status.has_value(); });
      if (wire->status.has_value()) break;
      EndWrite(call);
    }
    call.OnDone();  // while the worker's thread may still be on its way out of the last call
    worker.join();
    EXPECT_EQ(wire->status->error_code(),
              n % 4 == 3 ? grpc::StatusCode::ABORTED : grpc::StatusCode::OK);
    std::string text;
    for (const std::string& message : wire->messages) text += message;
    EXPECT_EQ(std::count(text.begin(), text.end(), '1'), 15);
  }
}

}  // namespace
}  // namespace cascade::server
