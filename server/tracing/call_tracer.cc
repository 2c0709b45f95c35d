// SPDX-License-Identifier: Apache-2.0

#include "server/tracing/call_tracer.h"

#include "server/grpc/call/correlation.h"

namespace cascade::server {

TraceContext CallTracer::Context(const BegunCall& call, const Correlation& correlation) const {
  return ContextOf(correlation.traceparent, call.id, sample_ratio_);
}

void CallTracer::OnGenerationEnd(const EndedGeneration& generation) const noexcept {
  try {
    const TraceContext context = Context(generation.call, generation.correlation);
    if (context.sampled) exporter_.Add(GenerationSpans(generation, context, model_name_));
  } catch (...) {
  }
}

void CallTracer::OnCallEnd(const EndedCall& call) const noexcept {
  try {
    const TraceContext context = Context(call.call, call.correlation);
    if (context.sampled) exporter_.Add({CallSpan(call, context)});
  } catch (...) {
  }
}

}  // namespace cascade::server
