// SPDX-License-Identifier: Apache-2.0
// What happens when memory runs out. A binary of its own: it replaces operator new, to fail.
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <limits>
#include <new>
#include <string>
#include <thread>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/engine/exception_status.h"
#include "server/grpc/call/answer.h"
#include "server/grpc/status.h"
#include "tests/server/model_folder.h"
#include "tests/server/served.h"
#include "tests/support/source_path.h"

namespace {

constexpr std::size_t kNothing = std::numeric_limits<std::size_t>::max();

// Allocations of at least so many bytes fail: of every thread, and of this one alone.
std::atomic<std::size_t> too_large = kNothing;
thread_local std::size_t too_large_here = kNothing;

// Not inlined, lest the compiler see free() meet what it takes for the library's operator new.
[[gnu::noinline]] void Free(void* p) { std::free(p); }

}  // namespace

void* operator new(std::size_t size) {
  if (size < too_large.load(std::memory_order_relaxed) && size < too_large_here) {
    if (void* p = std::malloc(size == 0 ? 1 : size)) return p;
  }
  throw std::bad_alloc();
}

void* operator new(std::size_t size, const std::nothrow_t& /*nothrow*/) noexcept {
  try {
    return operator new(size);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

void operator delete(void* p) noexcept { Free(p); }

void operator delete(void* p, std::size_t /*size*/) noexcept { Free(p); }

namespace cascade::server {
namespace {

using ::cascade::testing::GenerateStream;
using ::cascade::testing::ModelFolder;
using ::cascade::testing::Request;
using ::cascade::testing::Served;

// From now until it goes, this thread has no memory at all.
class NoMemoryHere {
 public:
  NoMemoryHere() { too_large_here = 0; }
  ~NoMemoryHere() { too_large_here = kNothing; }
};

TEST(AllocationTest, TheEndOfAnAnswerTakesNone) {
  Answer finished(GenerationRequest(), /*truncated_tokens=*/0, /*keep_tokens=*/false);
  Answer failed(GenerationRequest(), /*truncated_tokens=*/0, /*keep_tokens=*/false);
  absl::Status status = absl::AbortedError(std::string(1000, 'x'));
  {
    const NoMemoryHere none;
    finished.Start(1);
    finished.Finish(
        {.timings = {.queue = absl::Seconds(1), .prefill = absl::Seconds(2), .decode = {}}});
    failed.Fail(std::move(status));
  }
  EXPECT_EQ(finished.timings().prefill, absl::Seconds(2));
  EXPECT_EQ(failed.outcome()->message(), std::string(1000, 'x'));
}

TEST(AllocationTest, AStatusKeepsItsCodeWithoutIt) {
  const absl::Status status = absl::AbortedError(std::string(1000, 'x'));
  grpc::Status sent;
  {
    const NoMemoryHere none;
    sent = ToGrpcStatus(status);
  }
  EXPECT_EQ(sent.error_code(), grpc::StatusCode::ABORTED);
  EXPECT_EQ(sent.error_message(), "");
}

TEST(AllocationTest, AnExceptionBecomesAStatusWithoutIt) {
  absl::Status status;
  try {
    throw std::bad_alloc();
  } catch (...) {
    const NoMemoryHere none;
    status = StatusOfException("this test ran");
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
}

// Robs the worker's thread of its memory at its first token and leaves; returns it at its end.
class Robber final : public TokenSink {
 public:
  void OnStarted(std::size_t /*cached_tokens*/) override {}
  void OnStep(std::size_t /*choice*/, model::DecodingStep /*step*/) override { too_large_here = 0; }
  void OnFinished(const RunStats& /*stats*/) override { End(absl::OkStatus()); }
  void OnFailed(absl::Status status) override { End(std::move(status)); }
  bool IsCancelled() const override { return too_large_here == 0; }
  bool IsStalled() const override { return false; }

  const absl::Status& Await() const {
    ended_.wait(false);
    return status_;
  }

 private:
  void End(absl::Status status) {
    too_large_here = kNothing;
    status_ = std::move(status);
    ended_ = true;
    ended_.notify_all();
  }

  absl::Status status_;
  std::atomic<bool> ended_ = false;
};

TEST(AllocationTest, TheWorkerTellsAnEndWithoutIt) {
#ifndef NDEBUG
  GTEST_SKIP() << "what a debug build checks after each step takes memory";
#endif
  const ModelFolder folder;
  Served served(folder.path());
  std::thread bystander([&served] {  // whom the log of what runs would name
    grpc::ClientContext context;
    v1::GenerateResponse response;
    const grpc::Status status = served.stub().Generate(&context, Request(5'000), &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
  });
  Worker& worker = served.server().backend().worker;
  while (worker.stats().running == 0) std::this_thread::yield();
  Robber robber;
  GenerationRequest request;
  request.id = "robber";
  request.prompt = {1};
  request.params.stopping.max_new_tokens = 9;
  request.sink = &robber;
  worker.Submit(std::move(request));
  EXPECT_EQ(robber.Await(), absl::CancelledError("the request was cancelled"));
  bystander.join();
}

// The text is received, but not tokenized: that takes twice its bytes and more.
TEST(AllocationTest, ACallForWhichThereIsNoneEndsAndTheNextIsServed) {
  const ModelFolder folder;
  Served served(folder.path());
  std::string text;
  while (text.size() < 200'000) text += "~ ";
  v1::GenerateRequest request = Request(1);
  request.set_text(text);
  v1::TokenizeRequest tokenize;
  tokenize.set_text(text);

  too_large = 300'000;
  const grpc::Status streamed = GenerateStream(served.stub(), request).status;
  grpc::ClientContext unary_context;
  v1::GenerateResponse response;
  const grpc::Status unary = served.stub().Generate(&unary_context, request, &response);
  grpc::ClientContext tokenize_context;
  v1::TokenizeResponse tokens;
  const grpc::Status tokenized = served.stub().Tokenize(&tokenize_context, tokenize, &tokens);
  too_large = kNothing;

  for (const grpc::Status& status : {streamed, unary, tokenized}) {
    EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
    EXPECT_THAT(status.error_message(), ::testing::HasSubstr("memory ran out"));
  }
  EXPECT_TRUE(GenerateStream(served.stub(), Request(3)).status.ok());
  served.DrainAll();
  EXPECT_TRUE(served.EverythingIsFree());
}

}  // namespace
}  // namespace cascade::server
