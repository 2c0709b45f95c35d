// SPDX-License-Identifier: Apache-2.0
// What machines that watch the server are told over HTTP.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "server/metrics/call_metrics.h"
#include "server/metrics/http_endpoint.h"
#include "server/tracing/span_exporter.h"

namespace cascade::server {

struct Backend;
struct Options;

// --metrics_address: the pages /metrics (Prometheus' text format), /healthz (200 while the process
// can answer calls) and /readyz (200 while requests are welcome; otherwise 503).
class Monitoring {
 public:
  // Asked on the thread of the page.
  struct Sources {
    std::function<const Backend*()> model;  // null: it is still loading
    std::function<bool()> alive;
    std::function<bool()> ready;
    std::function<std::size_t()> connections;
    std::function<std::size_t()> call_memory_bytes;
    std::function<SpanCounts()> spans;  // empty: calls are not traced
  };
  explicit Monitoring(Sources sources) : sources_(std::move(sources)) {}

  // Hears how calls end.
  const CallObserver& calls() const { return calls_; }

  // Serves the pages at options.metrics_address, or does nothing if that is empty. UNAVAILABLE,
  // with the reason, if it cannot listen there.
  absl::Status Start(const Options& options);

  // Before what the sources tell of is destroyed.
  void Stop() { endpoint_.reset(); }

  // Of the pages; empty if there are none. With the port that was chosen, if it was 0.
  std::string address() const { return endpoint_ == nullptr ? "" : endpoint_->address(); }

 private:
  HttpPage Metrics(bool vllm_names) const;

  const Sources sources_;
  CallMetrics calls_;
  std::unique_ptr<HttpEndpoint> endpoint_;
};

}  // namespace cascade::server
