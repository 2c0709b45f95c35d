// SPDX-License-Identifier: Apache-2.0

#include "server/metrics/call_metrics.h"

#include <string>

#include "absl/time/time.h"
#include "prometheus/counter.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"
#include "server/engine/histogram.h"
#include "server/grpc/call/answer.h"

namespace cascade::server {
namespace {

using prometheus::Counter;
using prometheus::Family;

// How far a request had come when its call failed.
std::string Stage(const Answer& answer) {
  if (answer.outcome() && answer.outcome()->ok()) return "delivery";
  if (!answer.started()) return "queue";
  return answer.generated_tokens() == 0 ? "prefill" : "decode";
}

std::string Code(const absl::Status& status) { return absl::StatusCodeToString(status.code()); }

Family<Counter>& CounterFamily(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

template <typename Buckets>
prometheus::Histogram& NewHistogram(prometheus::Registry& registry, const char* name,
                                    const char* help) {
  const auto& bounds = Buckets::bounds();
  return prometheus::BuildHistogram().Name(name).Help(help).Register(registry).Add(
      {}, prometheus::Histogram::BucketBoundaries(bounds.begin(), bounds.end()));
}

}  // namespace

struct CallMetrics::Families {
  prometheus::Registry registry;
  Family<Counter>& calls = CounterFamily(registry, "cascade_calls_total", "Calls that have ended.");
  Family<Counter>& failed =
      CounterFamily(registry, "cascade_requests_failed_total",
                    "Requests for text that got no whole answer, by how far they had come.");
  Family<Counter>& finished = CounterFamily(registry, "cascade_choices_finished_total",
                                            "Answers that were made, by why they ended.");
  prometheus::Histogram& first_token =
      NewHistogram<SecondsHistogram>(registry, "cascade_time_to_first_token_seconds",
                                     "From the queue's end to the first token, the wait included.");
  prometheus::Histogram& queue = NewHistogram<SecondsHistogram>(
      registry, "cascade_request_queue_seconds", "Time that requests waited for their first step.");
  prometheus::Histogram& prefill =
      NewHistogram<SecondsHistogram>(registry, "cascade_request_prefill_seconds",
                                     "From a request's first step to its first token.");
  prometheus::Histogram& decode = NewHistogram<SecondsHistogram>(
      registry, "cascade_request_decode_seconds", "From a request's first token to its last.");
  prometheus::Histogram& duration = NewHistogram<SecondsHistogram>(
      registry, "cascade_request_duration_seconds", "From arrival in the queue to the last token.");
  prometheus::Histogram& prompt_tokens =
      NewHistogram<TokensHistogram>(registry, "cascade_request_prompt_tokens",
                                    "Tokens of the prompts of requests that finished.");
  prometheus::Histogram& generated_tokens =
      NewHistogram<TokensHistogram>(registry, "cascade_request_generated_tokens",
                                    "Tokens of the answers to requests that finished.");
};

CallMetrics::CallMetrics() : families_(std::make_unique<Families>()) {}

CallMetrics::~CallMetrics() = default;

void CallMetrics::OnRefused(const RefusedRequest& request) const noexcept {
  try {
    families_->failed.Add({{"stage", "admission"}, {"code", Code(request.status)}}).Increment();
  } catch (...) {
  }
}

void CallMetrics::OnGenerationEnd(const EndedGeneration& generation) const noexcept {
  const Answer& answer = generation.answer;
  try {
    for (std::size_t choice = 0; choice < answer.choices(); ++choice) {
      if (!answer.finish(choice)) continue;
      families_->finished
          .Add({{"reason", std::string(FinishReasonName(answer.finish(choice)->reason))}})
          .Increment();
    }
    if (!generation.status.ok()) {
      families_->failed.Add({{"stage", Stage(answer)}, {"code", Code(generation.status)}})
          .Increment();
      return;
    }
    const double queue = absl::ToDoubleSeconds(answer.timings().queue);
    const double prefill = absl::ToDoubleSeconds(answer.timings().prefill);
    const double decode = absl::ToDoubleSeconds(answer.timings().decode);
    families_->queue.Observe(queue);
    families_->duration.Observe(queue + prefill + decode);
    families_->prompt_tokens.Observe(static_cast<double>(answer.prompt_tokens()));
    families_->generated_tokens.Observe(static_cast<double>(answer.generated_tokens()));
    if (answer.generated_tokens() == 0) return;  // its time limit passed before it had a token
    families_->first_token.Observe(queue + prefill);
    families_->prefill.Observe(prefill);
    families_->decode.Observe(decode);
  } catch (...) {
  }
}

void CallMetrics::OnCallEnd(const EndedCall& ended) const noexcept {
  const MethodName& method = ended.call.method;
  try {
    families_->calls
        .Add({{"service", std::string(method.service)},
              {"method", std::string(method.method)},
              {"code", Code(ended.status)}})
        .Increment();
  } catch (...) {
  }
}

std::vector<prometheus::MetricFamily> CallMetrics::Collect() const {
  return families_->registry.Collect();
}

}  // namespace cascade::server
