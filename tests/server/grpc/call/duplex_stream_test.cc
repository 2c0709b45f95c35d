// SPDX-License-Identifier: Apache-2.0
// Bidirectional streams whose generations come and go.
#include "server/grpc/call/duplex_stream.h"

#include <cctype>
#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/grpc/call/generation_call.h"
#include "tests/server/grpc/call/fake_call.h"

namespace cascade::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A request is the name of its generation. A capital letter is refused; 0 ends the call.
using FakeDuplex = DuplexStream<Letters, int, FakeReactor>;

class DuplexStreamTest : public CallTest {
 protected:
  // A call that has been accepted.
  FakeDuplex& NewCall(std::size_t max_generations = 8) {
    auto* call = new FakeDuplex(
        MethodName{"test", "Duplex"}, max_generations,
        [this](FakeDuplex& c, int request) { return Handle(c, static_cast<char>(request)); },
        context_, environment_);
    call->Accept();
    return *call;
  }

  // The client has sent `name`.
  static void Request(FakeDuplex& call, int name) {
    call.wire()->Update([name](Wire& wire) {
      ASSERT_NE(wire.request, nullptr) << "nothing is read";
      *wire.request = name;
      wire.request = nullptr;
    });
    call.OnReadDone(true);
  }

  // The client has said that no more requests come, or is gone.
  static void EndRequests(FakeDuplex& call) {
    call.wire()->Update([](Wire& wire) {
      ASSERT_NE(wire.request, nullptr) << "nothing is read";
      wire.request = nullptr;
    });
    call.OnReadDone(false);
  }

  Generation& generation(char name) { return *generations_.at(name); }

  std::size_t fails_at_ = kNever;  // see Letters

 private:
  absl::Status Handle(FakeDuplex& call, char name) {
    if (name == 0) return absl::InvalidArgumentError("a request needs a name");
    Generation& added =
        call.Add(NewAnswer(name), {}, Letters(name, fails_at_, /*tells_failure=*/true));
    if (std::isupper(name) != 0) {
      added.OnFailed(absl::ResourceExhaustedError("full"));
    } else {
      generations_[name] = &added;
    }
    return absl::OkStatus();
  }

  std::map<char, Generation*> generations_;
};

TEST_F(DuplexStreamTest, GenerationsComeAndGoAndTheCallEndsWithTheLastOfThem) {
  FakeDuplex& call = NewCall();
  const std::shared_ptr<Wire> wire = call.wire();
  EXPECT_TRUE(wire->headers);
  Request(call, 'a');
  generation('a').OnStep(0, Step("1"));
  EXPECT_EQ(wire->NextMessage(), "a:1");
  Request(call, 'b');  // while a message is in flight
  generation('b').OnStep(0, Step("x"));
  EndWrite(call);
  EXPECT_EQ(wire->NextMessage(), "b:x");
  generation('a').OnFinished({});
  EndWrite(call);
  EXPECT_EQ(wire->NextMessage(), "a.");
  EndWrite(call);
  EXPECT_EQ(index_.Cancel("", "a"), 0U) << "what is over is gone, though the call goes on";
  Request(call, 'c');
  EndRequests(call);
  generation('c').OnFinished({});
  EXPECT_EQ(wire->NextMessage(), "c.");
  EndWrite(call);
  EXPECT_FALSE(wire->status.has_value());  // b goes on
  generation('b').OnFinished({});
  EXPECT_EQ(wire->NextMessage(), "b.");
  EXPECT_TRUE(wire->AwaitStatus().ok());
  call.OnDone();
}

TEST_F(DuplexStreamTest, AGenerationFailsAlone) {
  FakeDuplex& call = NewCall();
  const std::shared_ptr<Wire> wire = call.wire();
  Request(call, 'a');
  Request(call, 'b');
  generation('a').OnFailed(absl::InternalError("broken"));
  EXPECT_EQ(wire->NextMessage(), "a!");
  EXPECT_FALSE(generation('b').IsCancelled());
  EndWrite(call);
  Request(call, 'R');
  EXPECT_EQ(wire->NextMessage(), "R!");
  EndWrite(call);
  EndRequests(call);
  generation('b').OnFinished({});
  EXPECT_EQ(wire->NextMessage(), "b.");
  EXPECT_TRUE(wire->AwaitStatus().ok());
  call.OnDone();
}

TEST_F(DuplexStreamTest, ACallWithoutARequestEndsWithOk) {
  FakeDuplex& call = NewCall();
  const std::shared_ptr<Wire> wire = call.wire();
  EndRequests(call);
  EXPECT_TRUE(wire->AwaitStatus().ok());
  EXPECT_THAT(wire->messages, IsEmpty());
  call.OnDone();
}

TEST_F(DuplexStreamTest, ReadsNoFurtherRequestWhileItHasAllTheGenerationsThatItMay) {
  FakeDuplex& call = NewCall(/*max_generations=*/2);
  const std::shared_ptr<Wire> wire = call.wire();
  Request(call, 'a');
  Request(call, 'b');
  EXPECT_EQ(wire->request, nullptr);
  generation('a').OnFinished({});
  EXPECT_EQ(wire->NextMessage(), "a.");
  EndWrite(call);
  EXPECT_NE(wire->request, nullptr);
  EndRequests(call);
  generation('b').OnFinished({});
  EXPECT_TRUE(wire->AwaitStatus().ok());
  call.OnDone();
}

TEST_F(DuplexStreamTest, TheHandlersErrorEndsTheCallAfterItsGenerations) {
  FakeDuplex& call = NewCall();
  const std::shared_ptr<Wire> wire = call.wire();
  Request(call, 'a');
  Request(call, 0);
  EXPECT_EQ(wire->request, nullptr);
  EXPECT_TRUE(generation('a').IsCancelled());
  EXPECT_FALSE(wire->status.has_value());
  generation('a').OnFailed(absl::CancelledError("cancelled"));
  EXPECT_EQ(wire->AwaitStatus().error_message(), "a request needs a name");
  call.OnDone();
}

TEST_F(DuplexStreamTest, ACancelledCallCancelsWhatItHasAndWhatComesLate) {
  FakeDuplex& call = NewCall();
  const std::shared_ptr<Wire> wire = call.wire();
  Request(call, 'a');
  call.OnCancel();
  EXPECT_TRUE(generation('a').IsCancelled());
  EXPECT_EQ(wakes_, 1);
  Request(call, 'b');  // was on its way
  EXPECT_TRUE(generation('b').IsCancelled());
  EndRequests(call);
  generation('a').OnFailed(absl::CancelledError("cancelled"));
  generation('b').OnFailed(absl::CancelledError("cancelled"));
  wire->NextMessage();
  EndWrite(call, /*ok=*/false);
  EXPECT_EQ(wire->AwaitStatus().error_code(), grpc::StatusCode::CANCELLED);
  call.OnDone();
}

TEST_F(DuplexStreamTest, AFailedWriteEndsAllOnceTheReadHasFailedToo) {
  FakeDuplex& call = NewCall();
  const std::shared_ptr<Wire> wire = call.wire();
  Request(call, 'a');
  generation('a').OnStep(0, Step("1"));
  EXPECT_EQ(wire->NextMessage(), "a:1");
  EndWrite(call, /*ok=*/false);
  EXPECT_TRUE(generation('a').IsCancelled());
  generation('a').OnFinished({});
  EXPECT_FALSE(wire->status.has_value());
  EndRequests(call);
  EXPECT_EQ(wire->AwaitStatus().error_message(), "the client went away");
  EXPECT_THAT(wire->messages, ElementsAre("a:1"));
  call.OnDone();
}

TEST_F(DuplexStreamTest, NoMemoryForAnEventEndsTheCall) {
  fails_at_ = 0;
  FakeDuplex& call = NewCall();
  const std::shared_ptr<Wire> wire = call.wire();
  Request(call, 'a');
  generation('a').OnStep(0, Step("1"));
  while (!generation('a').IsCancelled()) std::this_thread::yield();  // the outbox's thread does it
  generation('a').OnFinished({});
  EndRequests(call);  // as gRPC does when OpenCalls cancels the call
  EXPECT_EQ(wire->AwaitStatus().error_message(), "memory ran out while the answer was sent");
  call.OnDone();
}

// The client, the worker, the outbox and gRPC all at once, each as fast as it can: for the
// sanitizers, which would see a generation or a call that is used after its end.
TEST_F(DuplexStreamTest, NobodyUsesWhatIsOver) {
  constexpr int kCalls = 100;
  for (int n = 0; n < kCalls; ++n) {
    FakeDuplex& call = NewCall(/*max_generations=*/3);
    const std::shared_ptr<Wire> wire = call.wire();
    std::thread client([&call, &wire, this] {
      std::thread worker;
      for (char name = 'a'; name <= 'j'; ++name) {
        wire->Await([](const Wire& w) { return w.request != nullptr; });
        Request(call, name);
        if (worker.joinable()) worker.join();
        worker = std::thread([&generation = generation(name), name] {
          for (int i = 0; i < 3; ++i) generation.OnStep(0, Step("1"));
          if (name == 'e') {
            generation.OnFailed(absl::AbortedError("slow"));
          } else {
            generation.OnFinished({});
          }
        });
      }
      wire->Await([](const Wire& w) { return w.request != nullptr; });
      EndRequests(call);
      worker.join();
    });
    while (true) {
      wire->Await([](const Wire& w) { return w.writing || w.status.has_value(); });
      if (wire->status.has_value()) break;
      EndWrite(call);
    }
    client.join();
    call.OnDone();
    EXPECT_TRUE(wire->status->ok());
    std::map<char, std::string> answers;
    for (const std::string& message : wire->messages) {
      answers[message[0]] += message.substr(message[1] == ':' ? 2 : 1);
    }
    for (char name = 'a'; name <= 'j'; ++name) {
      EXPECT_EQ(answers[name], name == 'e' ? "111!" : "111.") << name;
    }
  }
}

}  // namespace
}  // namespace cascade::server
