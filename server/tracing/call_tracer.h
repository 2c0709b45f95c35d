// SPDX-License-Identifier: Apache-2.0
// Makes spans of the ends of calls.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/grpc/call/call_observer.h"
#include "server/tracing/span_exporter.h"
#include "server/tracing/spans.h"
#include "server/tracing/trace_context.h"

namespace cascade::server {

// Gives the spans of each call that is sampled to the exporter, when its client has had its answer.
// Any thread.
class CallTracer final : public CallObserver {
 public:
  // `sample_ratio` is the share, of 0 to 1, of the calls that begin a trace.
  CallTracer(std::unique_ptr<SpanExporter::Stub> collector, const ExportOptions& options,
             std::string model_name, double sample_ratio)
      : model_name_(std::move(model_name)),
        sample_ratio_(sample_ratio),
        exporter_(std::move(collector), ThisProcess(), options) {}

  void OnRefused(const RefusedRequest& /*request*/) const noexcept override {}
  void OnAdmitted(const AdmittedRequest& /*request*/) const noexcept override {}
  void OnGenerationEnd(const EndedGeneration& generation) const noexcept override;
  void OnCallEnd(const EndedCall& call) const noexcept override;

  // Sends what there is (SpanExporter::Stop). Spans that come later are dropped.
  void Stop() { exporter_.Stop(); }

  SpanCounts counts() const { return exporter_.counts(); }

 private:
  TraceContext Context(const BegunCall& call, const Correlation& correlation) const;

  const std::string model_name_;
  const double sample_ratio_;
  mutable SpanExporter exporter_;
};

}  // namespace cascade::server
