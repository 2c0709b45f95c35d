// SPDX-License-Identifier: Apache-2.0
// Where a call stands in a trace.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace cascade::server {

// Ids as OTLP has them: bytes, most significant first.
struct TraceContext {
  std::string trace_id;        // 16 bytes
  std::string parent_span_id;  // the caller's, 8 bytes; empty if the call begins the trace
  bool sampled = false;        // false: nobody wants its spans
};

// Of a call with this traceparent (W3C Trace Context), which is valid or empty. Its caller decides
// whether it is sampled. A call without one begins a trace, whose id is made of `call_id`; of
// random ids, this share of 0 to 1 is sampled. The same arguments give the same context.
TraceContext ContextOf(absl::string_view traceparent, std::uint64_t call_id, double sample_ratio);

// An id of 8 bytes.
std::string SpanId(std::uint64_t id);

}  // namespace cascade::server
