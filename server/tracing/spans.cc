// SPDX-License-Identifier: Apache-2.0

#include "server/tracing/spans.h"

#include <unistd.h>

#include <array>
#include <concepts>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/engine/clock.h"
#include "server/grpc/auth/tenant.h"
#include "server/grpc/call/answer.h"
#include "server/grpc/call/call_observer.h"
#include "server/grpc/call/correlation.h"

namespace cascade::server {
namespace {

using opentelemetry::proto::common::v1::AnyValue;
using Attributes = google::protobuf::RepeatedPtrField<opentelemetry::proto::common::v1::KeyValue>;

AnyValue& NewAttribute(Attributes& attributes, absl::string_view name) {
  auto& attribute = *attributes.Add();
  attribute.set_key(std::string(name));
  return *attribute.mutable_value();
}

void Add(Attributes& attributes, absl::string_view name, absl::string_view text) {
  if (!text.empty()) NewAttribute(attributes, name).set_string_value(std::string(text));
}

template <std::integral Number>
void Add(Attributes& attributes, absl::string_view name, Number number) {
  NewAttribute(attributes, name).set_int_value(static_cast<std::int64_t>(number));
}

// The time of day at a moment of the engine's clock.
absl::Time TimeOfDay(absl::Time engine_time) {
  return absl::Now() - (MonotonicNow() - engine_time);
}

// From one time of day to another.
Span NewSpan(std::string name, const TraceContext& context, std::string id, std::string parent,
             absl::Time from, absl::Time to) {
  Span span;
  span.set_name(std::move(name));
  span.set_trace_id(context.trace_id);
  span.set_span_id(std::move(id));
  span.set_parent_span_id(std::move(parent));
  span.set_kind(Span::SPAN_KIND_INTERNAL);
  span.set_start_time_unix_nano(static_cast<std::uint64_t>(absl::ToUnixNanos(from)));
  span.set_end_time_unix_nano(static_cast<std::uint64_t>(absl::ToUnixNanos(to)));
  return span;
}

void SetStatus(const absl::Status& status, Span& span) {
  using opentelemetry::proto::trace::v1::Status;
  if (status.ok()) return;
  span.mutable_status()->set_code(Status::STATUS_CODE_ERROR);
  span.mutable_status()->set_message(std::string(status.message()));
  Add(*span.mutable_attributes(), "error.type", absl::StatusCodeToString(status.code()));
}

void AddFinishReasons(const Answer& answer, Attributes& attributes) {
  opentelemetry::proto::common::v1::ArrayValue reasons;
  for (std::size_t choice = 0; choice < answer.choices(); ++choice) {
    if (!answer.finish(choice)) continue;
    reasons.add_values()->set_string_value(
        std::string(FinishReasonName(answer.finish(choice)->reason)));
  }
  if (reasons.values().empty()) return;
  *NewAttribute(attributes, "gen_ai.response.finish_reasons").mutable_array_value() =
      std::move(reasons);
}

std::string HostName() {
  std::array<char, 256> name = {};
  // Leaves the last byte 0.
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

}  // namespace

Span CallSpan(const EndedCall& ended, const TraceContext& context) {
  const MethodName& method = ended.call.method;
  Span span =
      NewSpan(absl::StrCat(method.service, "/", method.method), context, SpanId(ended.call.id),
              context.parent_span_id, TimeOfDay(ended.call.begun), absl::Now());
  span.set_kind(Span::SPAN_KIND_SERVER);
  Attributes& attributes = *span.mutable_attributes();
  Add(attributes, "rpc.system", "grpc");
  Add(attributes, "rpc.service", method.service);
  Add(attributes, "rpc.method", method.method);
  Add(attributes, "rpc.grpc.status_code", static_cast<int>(ended.status.code()));
  Add(attributes, "network.peer.address", ended.correlation.peer);
  Add(attributes, "cascade.x_request_id", ended.correlation.request_id);
  Add(attributes, "cascade.x_correlation_id", ended.correlation.correlation_id);
  SetStatus(ended.status, span);
  return span;
}

std::vector<Span> GenerationSpans(const EndedGeneration& ended, const TraceContext& context,
                                  absl::string_view model_name) {
  const Answer& answer = ended.answer;
  const bool finished = answer.outcome() && answer.outcome()->ok();
  const Timings& timings = answer.timings();
  absl::Time begin = TimeOfDay(ended.submitted);
  const absl::Time end =
      finished ? begin + timings.queue + timings.prefill + timings.decode : absl::Now();
  std::vector<Span> spans = {NewSpan(absl::StrCat("text_completion ", model_name), context,
                                     SpanId(RandomId()), SpanId(ended.call.id), begin, end)};
  Attributes& attributes = *spans[0].mutable_attributes();
  Add(attributes, "gen_ai.operation.name", "text_completion");
  Add(attributes, "gen_ai.provider.name", "cascade");
  Add(attributes, "gen_ai.request.model", model_name);
  Add(attributes, "gen_ai.response.id", answer.request_id());
  Add(attributes, "gen_ai.usage.input_tokens", answer.prompt_tokens());
  Add(attributes, "gen_ai.usage.output_tokens", answer.generated_tokens());
  AddFinishReasons(answer, attributes);
  Add(attributes, "cascade.cached_tokens", answer.cached_tokens());
  if (ended.tenant != nullptr) Add(attributes, "cascade.caller", ended.tenant->name());
  SetStatus(ended.status, spans[0]);
  if (!finished) return spans;
  const auto add_part = [&](const char* name, absl::Duration length) {
    if (length <= absl::ZeroDuration()) return;
    spans.push_back(
        NewSpan(name, context, SpanId(RandomId()), spans[0].span_id(), begin, begin + length));
    begin += length;
  };
  add_part("queue", timings.queue);
  add_part("prefill", timings.prefill);
  add_part("decode", timings.decode);
  return spans;
}

opentelemetry::proto::resource::v1::Resource ThisProcess() {
  opentelemetry::proto::resource::v1::Resource resource;
  Attributes& attributes = *resource.mutable_attributes();
  Add(attributes, "service.name", "cascade");
  Add(attributes, "service.version", CASCADE_VERSION);
  // A pod's name is its host's name; two servers on one host differ in their processes.
  const std::string host = HostName();
  Add(attributes, "service.instance.id", absl::StrCat(host, "-", getpid()));
  Add(attributes, "host.name", host);
  Add(attributes, "process.pid", getpid());
  return resource;
}

}  // namespace cascade::server
