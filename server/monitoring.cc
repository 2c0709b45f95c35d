// SPDX-License-Identifier: Apache-2.0

#include "server/monitoring.h"

#include <iterator>
#include <utility>
#include <vector>

#include "prometheus/text_serializer.h"
#include "server/engine/worker.h"
#include "server/grpc/backend.h"
#include "server/grpc/model_info.h"
#include "server/listener/listening_socket.h"
#include "server/metrics/engine_metrics.h"
#include "server/metrics/family.h"
#include "server/metrics/process_metrics.h"
#include "server/metrics/vllm_names.h"
#include "server/observability/logs.h"
#include "server/options.h"

namespace cascade::server {
namespace {

using Families = std::vector<prometheus::MetricFamily>;

constexpr unsigned kServiceUnavailable = 503;

void Append(Families more, Families& families) {
  families.insert(families.end(), std::make_move_iterator(more.begin()),
                  std::make_move_iterator(more.end()));
}

Families SpanMetrics(const SpanCounts& spans) {
  return {CounterOf("cascade_trace_spans_exported_total", "Spans that the collector took.",
                    static_cast<double>(spans.exported)),
          CounterOf("cascade_trace_spans_dropped_total",
                    "Spans that the collector was too slow for, was not there for, or rejected.",
                    static_cast<double>(spans.dropped))};
}

HttpPage YesOrNo(bool yes) {
  return yes ? HttpPage{.body = "ok\n"} : HttpPage{.status = kServiceUnavailable, .body = "no\n"};
}

}  // namespace

absl::Status Monitoring::Start(const Options& options) {
  if (options.metrics_address.empty()) return absl::OkStatus();
  absl::StatusOr<ListeningSockets> listening =
      ListenOn(options.metrics_address, options.listen.unix_socket_mode);
  if (!listening.ok()) return listening.status();
  HttpEndpoint::Pages pages = {
      {"/metrics", [this, names = options.metrics_under_vllm_names] { return Metrics(names); }},
      {"/healthz", [this] { return YesOrNo(sources_.alive()); }},
      {"/readyz", [this] { return YesOrNo(sources_.ready()); }}};
  absl::StatusOr<std::unique_ptr<HttpEndpoint>> endpoint =
      HttpEndpoint::Start(*std::move(listening), std::move(pages));
  if (!endpoint.ok()) return endpoint.status();
  endpoint_ = *std::move(endpoint);
  Log(LogLevel::kInfo, "metrics", {{"address", address()}, {"path", "/metrics"}});
  return absl::OkStatus();
}

HttpPage Monitoring::Metrics(bool vllm_names) const {
  Families families = {
      GaugeOf("cascade_build_info", "The server.", 1, {{"version", CASCADE_VERSION}}),
      GaugeOf("cascade_ready", "1 while requests are welcome.", sources_.ready() ? 1 : 0),
      GaugeOf("cascade_connections", "Connections that are open.",
              static_cast<double>(sources_.connections())),
      GaugeOf("cascade_call_memory_bytes", "Of --call_memory_bytes, what open calls hold.",
              static_cast<double>(sources_.call_memory_bytes())),
  };
  if (sources_.spans) Append(SpanMetrics(sources_.spans()), families);
  Append(ProcessMetrics(), families);
  Append(calls_.Collect(), families);
  if (const Backend* const model = sources_.model()) {
    Append(ModelMetrics(model->info), families);
    Append(EngineMetrics(model->worker.stats()), families);
    if (vllm_names) Append(UnderVllmNames(families, model->info.name), families);
  }
  return {.content_type = "text/plain; version=0.0.4; charset=utf-8",
          .body = prometheus::TextSerializer().Serialize(families)};
}

}  // namespace cascade::server
