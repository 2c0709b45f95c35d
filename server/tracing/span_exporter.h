// SPDX-License-Identifier: Apache-2.0
// The way of spans to a collector.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/status.h"
#include "opentelemetry/proto/collector/trace/v1/trace_service.grpc.pb.h"
#include "opentelemetry/proto/resource/v1/resource.pb.h"
#include "server/engine/mutex.h"
#include "server/tracing/spans.h"

namespace cascade::server {

struct ExportOptions {
  std::size_t waiting_spans = 8192;               // more are dropped; a span has about 1 KiB
  std::size_t batch_spans = 512;                  // of one message
  absl::Duration period = absl::Seconds(5);       // the longest that a span waits for others
  absl::Duration timeout = absl::Seconds(10);     // of one message
  absl::Duration first_retry = absl::Seconds(1);  // doubles with each one
  absl::Duration longest_retry = absl::Seconds(30);
  absl::Duration last_message = absl::Seconds(2);  // what Stop gives the collector
};

// What became of spans since the start.
struct SpanCounts {
  std::uint64_t exported = 0;
  std::uint64_t dropped = 0;  // the collector was too slow, was not there, or did not want them
};

// Sends spans to a collector over OTLP/gRPC (opentelemetry.io/docs/specs/otlp) from a thread of its
// own, in batches. A message that fails is sent again, with growing pauses, if the protocol says
// that it may be; meanwhile the spans of new calls wait, and beyond `waiting_spans` they are
// dropped and counted. Never slows a call down.
class SpanExporter {
 public:
  using Stub = opentelemetry::proto::collector::trace::v1::TraceService::StubInterface;

  // `resource` is what all spans share.
  SpanExporter(std::unique_ptr<Stub> collector,
               opentelemetry::proto::resource::v1::Resource resource, const ExportOptions& options);
  ~SpanExporter();  // Stop
  SpanExporter(const SpanExporter&) = delete;
  SpanExporter& operator=(const SpanExporter&) = delete;

  // Any thread; does not wait. May throw std::bad_alloc, and then has dropped some.
  void Add(std::vector<Span> spans) ABSL_LOCKS_EXCLUDED(mu_);

  // Sends what waits, as far as the collector takes it within `last_message`. Idempotent.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

  SpanCounts counts() const;

 private:
  using Request = opentelemetry::proto::collector::trace::v1::ExportTraceServiceRequest;

  void Run() ABSL_LOCKS_EXCLUDED(mu_);

  // Waits for a batch, or for as many spans as there are after `period` or at Stop. Empty at the
  // end.
  std::vector<Span> TakeBatch() ABSL_LOCKS_EXCLUDED(mu_);

  // Until the collector has it or it is dropped.
  void Send(std::vector<Span> batch) ABSL_LOCKS_EXCLUDED(mu_);

  grpc::Status SendOnce(const Request& request, std::size_t spans) ABSL_LOCKS_EXCLUDED(mu_);

  // Sleeps before a message is sent again. False at Stop.
  bool Sleep(absl::Duration pause) ABSL_LOCKS_EXCLUDED(mu_);

  const std::unique_ptr<Stub> collector_;
  const opentelemetry::proto::resource::v1::Resource resource_;
  const ExportOptions options_;
  std::atomic<std::uint64_t> exported_ = 0;
  std::atomic<std::uint64_t> dropped_ = 0;
  Mutex mu_;
  std::condition_variable_any changed_;
  std::vector<Span> waiting_ ABSL_GUARDED_BY(mu_);
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  bool out_of_time_ ABSL_GUARDED_BY(mu_) = false;  // Stop waits no longer
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
  grpc::ClientContext* in_flight_ ABSL_GUARDED_BY(mu_) = nullptr;
  std::thread thread_;  // last: it uses the members above
};

}  // namespace cascade::server
