// SPDX-License-Identifier: Apache-2.0
// What begins every call, over a real socket; the work is the test.
#include "server/grpc/request/method.h"

#include <atomic>
#include <cstddef>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/generic/async_generic_service.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "gtest/gtest.h"
#include "server/grpc/auth/authenticator.h"
#include "server/grpc/call/open_calls.h"
#include "server/grpc/serving.h"

namespace cascade::server {
namespace {

constexpr std::size_t kLongRequestBytes = 64 << 10;  // longer than what is done at once

// What happens to one call, as the test waits for it.
struct Events {
  std::promise<void> posted;
  std::promise<void> cancelled;
  std::promise<void> started;
  std::promise<void> go_on;  // by the test: the work waits for it
  std::atomic<bool> has_started = false;
};

// A call whose work is to wait. Deletes itself.
class WaitingCall final : public grpc::ServerGenericBidiReactor {
 public:
  WaitingCall(const Serving& serving, const grpc::ServerContextBase& context, Events& events)
      : serving_(serving), context_(context), events_(events) {
    StartRead(&bytes_);
  }

  CallMemory::Share& memory() { return memory_; }
  void Refuse(const absl::Status& status) {
    Finish(
        grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message())));
  }

  void OnReadDone(bool ok) override {
    ASSERT_TRUE(ok);
    Events& events = events_;  // the call may be gone when Begin returns
    Begin(serving_, context_, bytes_, this, [&events](const std::shared_ptr<Tenant>&) {
      events.has_started = true;
      events.started.set_value();
      events.go_on.get_future().wait();
      return absl::AbortedError("it has waited");
    });
    events.posted.set_value();
  }
  void OnCancel() override { events_.cancelled.set_value(); }
  void OnDone() override { delete this; }

 private:
  const Serving& serving_;
  const grpc::ServerContextBase& context_;
  Events& events_;
  CallMemory::Share memory_;
  grpc::ByteBuffer bytes_;
};

// Its first call has the first events, all others the second ones.
class Service final : public grpc::CallbackGenericService {
 public:
  Service(const Serving& serving, Events& first, Events& second)
      : serving_(serving), events_{&first, &second} {}

  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    return new WaitingCall(serving_, *context, *events_[calls_++ == 0 ? 0 : 1]);
  }

 private:
  const Serving& serving_;
  Events* const events_[2];
  std::atomic<int> calls_ = 0;
};

// A call from the client's side.
class Asked {
 public:
  explicit Asked(grpc::GenericStub& stub) {
    const grpc::Slice text(std::string(kLongRequestBytes, 'x'));
    request_ = grpc::ByteBuffer(&text, 1);
    stub.UnaryCall(&context_, "/test/Wait", {}, &request_, &response_,
                   [this](grpc::Status status) { status_.set_value(std::move(status)); });
  }

  void Cancel() { context_.TryCancel(); }
  grpc::Status Await() { return status_.get_future().get(); }

 private:
  grpc::ClientContext context_;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer response_;
  std::promise<grpc::Status> status_;
};

TEST(BeginTest, ALongRequestOfACancelledCallIsNotWorkedOn) {
  Events first;
  Events second;
  OpenCalls calls;
  const Authenticator everybody("");
  const Serving serving(calls, everybody, {.long_work_threads = 1}, {});
  Service service(serving, first, second);
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterCallbackGenericService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  grpc::GenericStub stub(
      grpc::CreateChannel("127.0.0.1:" + std::to_string(port), grpc::InsecureChannelCredentials()));

  Asked running(stub);
  first.started.get_future().wait();
  Asked waiting(stub);
  second.posted.get_future().wait();
  waiting.Cancel();
  second.cancelled.get_future().wait();
  second.go_on.set_value();  // or this test would hang where it should fail
  first.go_on.set_value();

  EXPECT_EQ(running.Await().error_message(), "it has waited");
  EXPECT_EQ(waiting.Await().error_code(), grpc::StatusCode::CANCELLED);
  server->Shutdown();
  server->Wait();  // for the server's own end of both
  EXPECT_FALSE(second.has_started);
}

}  // namespace
}  // namespace cascade::server
