// SPDX-License-Identifier: Apache-2.0
// What a call's spans say, under OpenTelemetry's names.
//
//   cascade.v1.TextGeneration/Generate     the call: a child of its caller's span
//     text_completion MODEL                each of its generations, from the queue to its last
//     token
//       queue, prefill, decode             how the time of one that finished was spent
//
// Attributes follow the semantic conventions for RPC ("rpc.method") and for generative AI
// ("gen_ai.usage.output_tokens"); what those do not have begins with "cascade.". Never a text.
#pragma once

#include <vector>

#include "absl/strings/string_view.h"
#include "opentelemetry/proto/resource/v1/resource.pb.h"
#include "opentelemetry/proto/trace/v1/trace.pb.h"
#include "server/tracing/trace_context.h"

namespace cascade::server {

struct EndedCall;
struct EndedGeneration;

using Span = opentelemetry::proto::trace::v1::Span;

// The span of a call, which ends now.
Span CallSpan(const EndedCall& ended, const TraceContext& context);

// The span of a generation and those of its parts, which are known if the worker finished it. One
// that failed ends now.
std::vector<Span> GenerationSpans(const EndedGeneration& ended, const TraceContext& context,
                                  absl::string_view model_name);

// What all spans of this process share: the service's name and version, and which replica it is.
opentelemetry::proto::resource::v1::Resource ThisProcess();

}  // namespace cascade::server
