// SPDX-License-Identifier: Apache-2.0

#include "server/tracing/span_exporter.h"

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "gtest/gtest.h"

namespace cascade::server {
namespace {

namespace otlp = opentelemetry::proto::collector::trace::v1;
using Request = otlp::ExportTraceServiceRequest;
using Response = otlp::ExportTraceServiceResponse;

// What a collector was sent and says, for the exporter's stub and the test.
class Collector {
 public:
  struct Reply {
    grpc::Status status;
    int rejected = 0;
  };

  // Of the next messages; then OK.
  void Reply(struct Reply reply) {
    const std::lock_guard lock(mu_);
    replies_.push_back(std::move(reply));
  }

  // Until Go, no message is answered.
  void Hold() { SetHeld(true); }
  void Go() { SetHeld(false); }

  void WaitForMessages(std::size_t count) {
    std::unique_lock lock(mu_);
    changed_.wait(lock, [&] { return messages_.size() >= count; });
  }

  // Of each message, the names of its spans, one after the other.
  std::vector<std::string> messages() {
    const std::lock_guard lock(mu_);
    return messages_;
  }

  grpc::Status Export(const Request& request, Response& response) {
    std::unique_lock lock(mu_);
    std::string names;
    for (const auto& span : request.resource_spans(0).scope_spans(0).spans()) names += span.name();
    messages_.push_back(names);
    changed_.notify_all();
    changed_.wait(lock, [&] { return !held_; });
    if (replies_.empty()) return grpc::Status::OK;
    const struct Reply reply = replies_.front();
    replies_.pop_front();
    response.mutable_partial_success()->set_rejected_spans(reply.rejected);
    return reply.status;
  }

 private:
  void SetHeld(bool held) {
    const std::lock_guard lock(mu_);
    held_ = held;
    changed_.notify_all();
  }

  std::mutex mu_;
  std::condition_variable changed_;
  std::deque<struct Reply> replies_;
  std::vector<std::string> messages_;
  bool held_ = false;
};

class FakeStub final : public SpanExporter::Stub {
 public:
  explicit FakeStub(Collector& collector) : collector_(collector) {}

  grpc::Status Export(grpc::ClientContext* /*context*/, const Request& request,
                      Response* response) override {
    return collector_.Export(request, *response);
  }

 private:
  using Reader = grpc::ClientAsyncResponseReaderInterface<Response>;
  Reader* AsyncExportRaw(grpc::ClientContext*, const Request&, grpc::CompletionQueue*) override {
    return nullptr;
  }
  Reader* PrepareAsyncExportRaw(grpc::ClientContext*, const Request&,
                                grpc::CompletionQueue*) override {
    return nullptr;
  }

  Collector& collector_;
};

std::vector<Span> Spans(const std::string& names) {
  std::vector<Span> spans;
  for (const char name : names) spans.emplace_back().set_name(std::string(1, name));
  return spans;
}

class SpanExporterTest : public ::testing::Test {
 protected:
  // Times that no test waits for.
  static ExportOptions Options() {
    return {.waiting_spans = 3,
            .batch_spans = 2,
            .period = absl::Hours(1),
            .timeout = absl::Hours(1),
            .first_retry = absl::Milliseconds(1),
            .longest_retry = absl::Milliseconds(1),
            .last_message = absl::Hours(1)};
  }

  SpanExporter& Start(const ExportOptions& options = Options()) {
    exporter_ =
        std::make_unique<SpanExporter>(std::make_unique<FakeStub>(collector_),
                                       opentelemetry::proto::resource::v1::Resource(), options);
    return *exporter_;
  }

  void ExpectCounts(std::uint64_t exported, std::uint64_t dropped) {
    exporter_->Stop();
    EXPECT_EQ(exporter_->counts().exported, exported);
    EXPECT_EQ(exporter_->counts().dropped, dropped);
  }

  Collector collector_;
  std::unique_ptr<SpanExporter> exporter_;
};

TEST_F(SpanExporterTest, SendsABatchAsSoonAsItIsFull) {
  SpanExporter& exporter = Start();
  exporter.Add(Spans("a"));
  exporter.Add(Spans("b"));
  collector_.WaitForMessages(1);
  EXPECT_EQ(collector_.messages()[0], "ab");
  ExpectCounts(2, 0);
}

TEST_F(SpanExporterTest, SendsFewSpansAfterAPeriod) {
  ExportOptions options = Options();
  options.period = absl::Milliseconds(1);
  Start(options).Add(Spans("a"));
  collector_.WaitForMessages(1);
  ExpectCounts(1, 0);
}

TEST_F(SpanExporterTest, SendsAtItsEndWhatWaits) {
  Start().Add(Spans("a"));
  exporter_->Stop();
  EXPECT_EQ(collector_.messages(), std::vector<std::string>({"a"}));
  exporter_->Add(Spans("b"));
  ExpectCounts(1, 1);
}

TEST_F(SpanExporterTest, SendsAgainWhatTheProtocolLetsItSendAgain) {
  collector_.Reply({.status = {grpc::StatusCode::UNAVAILABLE, "not yet"}});
  google::rpc::Status details;
  details.add_details()->PackFrom(google::rpc::RetryInfo());
  collector_.Reply(
      {.status = {grpc::StatusCode::RESOURCE_EXHAUSTED, "soon", details.SerializeAsString()}});
  Start().Add(Spans("ab"));
  collector_.WaitForMessages(3);
  EXPECT_EQ(collector_.messages(), std::vector<std::string>({"ab", "ab", "ab"}));
  ExpectCounts(2, 0);
}

TEST_F(SpanExporterTest, DropsWhatTheCollectorWillNeverTake) {
  collector_.Reply({.status = {grpc::StatusCode::RESOURCE_EXHAUSTED, "too large"}});
  collector_.Reply({.status = {grpc::StatusCode::UNIMPLEMENTED, "no such service"}});
  SpanExporter& exporter = Start();
  exporter.Add(Spans("ab"));
  collector_.WaitForMessages(1);
  exporter.Add(Spans("cd"));
  collector_.WaitForMessages(2);
  exporter.Add(Spans("e"));
  ExpectCounts(1, 4);
}

TEST_F(SpanExporterTest, CountsWhatTheCollectorTakesInPart) {
  collector_.Reply({.status = grpc::Status::OK, .rejected = 1});
  collector_.Reply({.status = grpc::Status::OK, .rejected = 9});  // more than there were
  SpanExporter& exporter = Start();
  exporter.Add(Spans("ab"));
  collector_.WaitForMessages(1);
  exporter.Add(Spans("c"));
  ExpectCounts(1, 2);
}

TEST_F(SpanExporterTest, DropsWhatIsTooMuchWhileTheCollectorIsSlow) {
  collector_.Hold();
  SpanExporter& exporter = Start();
  exporter.Add(Spans("ab"));
  collector_.WaitForMessages(1);
  exporter.Add(Spans("cd"));
  exporter.Add(Spans("ef"));  // with c and d that were four
  exporter.Add(Spans("g"));
  EXPECT_EQ(exporter.counts().dropped, 2U);
  collector_.Go();
  ExpectCounts(5, 2);
}

TEST_F(SpanExporterTest, ItsEndDoesNotWaitForACollectorThatIsNotThere) {
  ExportOptions options = Options();
  options.first_retry = absl::Hours(1);
  for (int i = 0; i < 3; ++i) {
    collector_.Reply({.status = {grpc::StatusCode::UNAVAILABLE, "nobody listens"}});
  }
  SpanExporter& exporter = Start(options);
  exporter.Add(Spans("ab"));
  collector_.WaitForMessages(1);
  exporter.Add(Spans("c"));
  ExpectCounts(0, 3);
}

TEST_F(SpanExporterTest, TakesSpansFromManyThreads) {
  ExportOptions options = Options();
  options.waiting_spans = 1000;
  SpanExporter& exporter = Start(options);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&exporter] {
      for (int i = 0; i < 100; ++i) exporter.Add(Spans("x"));
    });
  }
  for (std::thread& thread : threads) thread.join();
  ExpectCounts(400, 0);
}

}  // namespace
}  // namespace cascade::server
