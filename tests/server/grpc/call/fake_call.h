// SPDX-License-Identifier: Apache-2.0
// A call whose surroundings, gRPC, the worker and a dialect, are the test.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <limits>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/status.h"
#include "gtest/gtest.h"
#include "server/grpc/auth/authenticator.h"
#include "server/grpc/call/call_environment.h"
#include "server/grpc/call/generation.h"
#include "server/grpc/call/generation_index.h"
#include "server/grpc/call/open_calls.h"
#include "server/grpc/call/outbox.h"
#include "server/grpc/call/request_log.h"

namespace cascade::server {

inline constexpr std::size_t kNever = std::numeric_limits<std::size_t>::max();

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
  int* request = nullptr;  // where the next one goes, while a read is in flight
  std::optional<grpc::Status> status;
};

// Stands in for gRPC's reactors, of streams and of unary calls.
class FakeReactor {
 public:
  virtual ~FakeReactor() = default;
  virtual void OnWriteDone(bool /*ok*/) {}
  virtual void OnCancel() {}
  virtual void OnDone() {}
  virtual void OnReadDone(bool /*ok*/) {}

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
  void StartRead(int* request) {
    wire_->Update([request](Wire& wire) {
      EXPECT_FALSE(wire.request != nullptr || wire.status.has_value());
      wire.request = request;
    });
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

// A dialect: events "a:text", then "a.", or "a!" if `a` failed and its stream tells of that.
class Letters {
 public:
  using Event = std::string;
  using Response = std::vector<std::string>;

  // Runs out of memory at event number `fails_at`.
  explicit Letters(char name, std::size_t fails_at = kNever, bool tells_failure = false)
      : name_(name), fails_at_(fails_at), tells_failure_(tells_failure) {}

  bool Encode(Answer& answer, std::string& event) {
    if (complete_) return false;
    if (answer.HasDelta(0)) {
      if (events_++ == fails_at_) throw std::bad_alloc();
      Answer::Delta delta;
      answer.TakeDelta(0, delta);
      event = absl::StrCat(std::string(1, name_), ":", delta.text);
      return true;
    }
    if (!answer.outcome()) return false;
    if (!answer.outcome()->ok() && !tells_failure_) return false;
    event = absl::StrCat(std::string(1, name_), answer.outcome()->ok() ? "." : "!");
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
  bool tells_failure_;
  std::size_t events_ = 0;
  bool complete_ = false;
};

inline model::DecodingStep Step(std::string text) {
  return {.token = model::GeneratedToken{.id = 1, .log_probs = std::nullopt},
          .text = std::move(text),
          .finish = {}};
}

class CallTest : public ::testing::Test {
 protected:
  ~CallTest() override { calls_.WaitUntilNone(absl::InfiniteDuration()); }

  // A request that is named `name`, and has it as its id.
  static Answer NewAnswer(char name) {
    GenerationRequest request;
    request.id = std::string(1, name);
    return Answer(request, /*truncated_tokens=*/0, /*keep_tokens=*/false);
  }

  // One more generation of `call`, named `name`.
  template <typename Call>
  static Generation& Add(Call& call, char name, std::size_t fails_at = kNever) {
    return call.Add(NewAnswer(name), {}, Letters(name, fails_at));
  }

  // gRPC has sent the message that is in flight.
  static void EndWrite(FakeReactor& call, bool ok = true) {
    call.wire()->Update([](Wire& wire) { wire.writing = false; });
    call.OnWriteDone(ok);
  }

  // What the worker does with a request that was put off: nothing, unless it refuses it.
  void Submit(GenerationRequest request) {
    if (refuse_submitted_) return request.sink->OnFailed(absl::ResourceExhaustedError("full"));
    const MutexLock lock(submitted_mu_);
    submitted_.push_back(std::move(request));
  }

  OpenCalls calls_;
  Outbox outbox_;
  GenerationIndex index_;
  const RequestLog log_{/*prompts=*/false};
  const Authenticator everybody_{""};
  int wakes_ = 0;
  Mutex submitted_mu_;
  std::vector<GenerationRequest> submitted_;  // that calls have put off
  bool refuse_submitted_ = false;
  std::shared_ptr<int> expected_ = std::make_shared<int>();  // a call that has more holds it, too
  const CallEnvironment environment_ = {
      .outbox = outbox_,
      .calls = calls_,
      .generations = index_,
      .observer = log_,
      .authenticator = everybody_,
      .submit = [this](GenerationRequest request) { Submit(std::move(request)); },
      .expect = [this] { return std::shared_ptr<void>(expected_); },
      .wake_worker = [this] { ++wakes_; },
      .retry_after = [] { return absl::Seconds(7); },
      .stalled_reader_limit = absl::InfiniteDuration()};
  grpc::CallbackServerContext context_;
};

}  // namespace cascade::server
