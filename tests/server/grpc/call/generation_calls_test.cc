// SPDX-License-Identifier: Apache-2.0
// Calls of several generations, with the test in the places of gRPC, the worker and a dialect.
#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstddef>
#include <limits>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "gtest/gtest.h"
#include "server/grpc/call/generation_index.h"
#include "server/grpc/call/open_calls.h"
#include "server/grpc/call/outbox.h"
#include "server/grpc/call/server_stream.h"
#include "server/grpc/call/unary_call.h"
#include "tests/server/served.h"

namespace cascade::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::size_t kNever = std::numeric_limits<std::size_t>::max();

// What a call has asked gRPC for. Outlives the call.
struct Wire {
  // Waits until `condition` of this holds.
  template <typename Condition>
  void Await(Condition condition) {
    std::unique_lock lock(mu);
    changed.wait(lock, [this, &condition] { return condition(*this); });
  }

  // Waits for one more message and returns it.
  std::string NextMessage() {
    Await([](const Wire& wire) { return wire.taken < wire.messages.size(); });
    const std::lock_guard lock(mu);
    return messages[taken++];
  }

  grpc::Status AwaitStatus() {
    Await([](const Wire& wire) { return wire.status.has_value(); });
    return *status;
  }

  template <typename Change>
  void Update(Change change) {
    const std::lock_guard lock(mu);
    change(*this);
    changed.notify_all();
  }

  std::mutex mu;
  std::condition_variable changed;
  bool headers = false;
  std::vector<std::string> messages;
  std::size_t taken = 0;  // by NextMessage
  bool writing = false;
  std::optional<grpc::Status> status;
};

// Stands in for gRPC's reactors, of streams and of unary calls.
class FakeReactor {
 public:
  virtual ~FakeReactor() = default;
  virtual void OnWriteDone(bool /*ok*/) {}
  virtual void OnCancel() {}
  virtual void OnDone() {}

  void StartSendInitialMetadata() {
    wire_->Update([](Wire& wire) { wire.headers = true; });
  }
  void StartWrite(const std::string* event) {
    wire_->Update([event](Wire& wire) {
      EXPECT_FALSE(wire.writing || wire.status.has_value());
      wire.messages.push_back(*event);
      wire.writing = true;
    });
  }
  void StartWriteAndFinish(const std::string* event, grpc::WriteOptions /*options*/,
                           const grpc::Status& status) {
    wire_->Update([event](Wire& wire) { wire.messages.push_back(*event); });
    Finish(status);
  }
  void Finish(const grpc::Status& status) {
    wire_->Update([&status](Wire& wire) {
      EXPECT_FALSE(wire.writing || wire.status.has_value());
      wire.status = status;
    });
  }

  const std::shared_ptr<Wire>& wire() const { return wire_; }

 private:
  const std::shared_ptr<Wire> wire_ = std::make_shared<Wire>();
};

// A dialect: events "a:text", then "a.".
class Letters {
 public:
  using Event = std::string;
  using Response = std::vector<std::string>;

  // Runs out of memory at event number `fails_at`.
  explicit Letters(char name, std::size_t fails_at = kNever) : name_(name), fails_at_(fails_at) {}

  bool Encode(Answer& answer, std::string& event) {
    if (complete_) return false;
    if (answer.HasDelta(0)) {
      if (events_++ == fails_at_) throw std::bad_alloc();
      Answer::Delta delta;
      answer.TakeDelta(0, delta);
      event = absl::StrCat(std::string(1, name_), ":", delta.text);
      return true;
    }
    if (!answer.outcome() || !answer.outcome()->ok()) return false;
    event = absl::StrCat(std::string(1, name_), ".");
    complete_ = true;
    return true;
  }

  bool complete() const { return complete_; }

  void Append(Answer& answer, std::vector<std::string>& response) {
    if (events_++ == fails_at_) throw std::bad_alloc();
    Answer::Delta delta;
    answer.TakeDelta(0, delta);
    response.push_back(absl::StrCat(std::string(1, name_), ":", delta.text));
  }

 private:
  char name_;
  std::size_t fails_at_;
  std::size_t events_ = 0;
  bool complete_ = false;
};

using FakeStream = ServerStream<Letters, FakeReactor>;
using FakeUnary = UnaryCall<Letters, FakeReactor>;

model::DecodingStep Step(std::string text) {
  return {.token = model::GeneratedToken{.id = 1, .log_probs = std::nullopt},
          .text = std::move(text),
          .finish = {}};
}

class GenerationCallsTest : public ::testing::Test {
 protected:
  ~GenerationCallsTest() override { calls_.WaitUntilNone(absl::InfiniteFuture()); }

  FakeStream* NewStream() { return new FakeStream("Stream", context_, environment_); }
  FakeUnary* NewUnary() { return new FakeUnary("Unary", response_, context_, environment_); }

  // One more generation of `call`, named `name`, also as its request's id.
  template <typename Call>
  static Generation& Add(Call& call, char name, std::size_t fails_at = kNever) {
    GenerationRequest request;
    request.id = std::string(1, name);
    return call.Add(Answer(request, /*truncated_tokens=*/0, /*keep_tokens=*/false), {},
                    Letters(name, fails_at));
  }

  // gRPC has sent the message that is in flight.
  static void EndWrite(FakeStream& call, bool ok = true) {
    call.wire()->Update([](Wire& wire) { wire.writing = false; });
    call.OnWriteDone(ok);
  }

  OpenCalls calls_;
  Outbox outbox_;
  GenerationIndex index_;
  int wakes_ = 0;
  const CallEnvironment environment_ = {.outbox = outbox_,
                                        .calls = calls_,
                                        .generations = index_,
                                        .wake_worker = [this] { ++wakes_; },
                                        .retry_after = [] { return absl::Seconds(7); },
                                        .stalled_reader_limit = absl::InfiniteDuration()};
  grpc::CallbackServerContext context_;
  std::vector<std::string> response_;
};

TEST_F(GenerationCallsTest, GenerationsTakeTurnsAndEachKeepsItsOrder) {
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

TEST_F(GenerationCallsTest, NothingIsSentBeforeTheCallIsAccepted) {
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

TEST_F(GenerationCallsTest, ACancelledCallCancelsAllItsGenerations) {
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

TEST_F(GenerationCallsTest, ARequestIdCancelsItsOwnGenerationOnly) {
  FakeStream& call = *NewStream();
  Generation& a = Add(call, 'a');
  Generation& b = Add(call, 'b');
  call.Accept();
  EXPECT_EQ(index_.Cancel("b"), 1U);
  EXPECT_FALSE(a.IsCancelled());
  EXPECT_TRUE(b.IsCancelled());
  const std::shared_ptr<Wire> wire = call.wire();
  a.OnFailed(absl::CancelledError("cancelled"));
  b.OnFailed(absl::CancelledError("cancelled"));
  wire->AwaitStatus();
  call.OnDone();
  EXPECT_EQ(index_.Cancel("b"), 0U);
}

TEST_F(GenerationCallsTest, OnlyTheGenerationThatIsTooFarBehindIsStalled) {
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

TEST_F(GenerationCallsTest, EndsInEveryOrder) {
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

TEST_F(GenerationCallsTest, AFailureCancelsTheOthersAndWaitsForThem) {
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

TEST_F(GenerationCallsTest, AClientThatIsGoneEndsAll) {
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

TEST_F(GenerationCallsTest, NoMemoryForAnEventEndsTheCall) {
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

TEST_F(GenerationCallsTest, ARefusalHasNoHeadersAndSaysWhenToComeBack) {
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

TEST_F(GenerationCallsTest, ACallThatStartedIsNotToldToComeBack) {
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

TEST_F(GenerationCallsTest, AUnaryCallAnswersInItsRequestsOrderOnceAllHaveFinished) {
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

TEST_F(GenerationCallsTest, AUnaryCallFailsWithItsFirstFailure) {
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

TEST_F(GenerationCallsTest, NoMemoryForAResponseEndsTheCall) {
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

TEST_F(GenerationCallsTest, ACancelledUnaryCallCancelsItsWholeBatch) {
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

// The worker, the outbox and gRPC all at once, each as fast as it can: for ThreadSanitizer, and for
// AddressSanitizer, which would see a call that is used after its end.
TEST_F(GenerationCallsTest, NobodyUsesACallThatIsOver) {
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
