// SPDX-License-Identifier: Apache-2.0

#include "server/metrics/vllm_names.h"

#include <cstdint>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "model/kernels/attention.h"
#include "server/metrics/family.h"

namespace cascade::server {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;

constexpr std::pair<const char*, const char*> kNames[] = {
    {"cascade_sequences_running", "vllm:num_requests_running"},
    {"cascade_requests_waiting", "vllm:num_requests_waiting"},
    {"cascade_kv_cache_usage_ratio", "vllm:kv_cache_usage_perc"},
    {"cascade_kv_cache_usage_ratio", "vllm:gpu_cache_usage_perc"},  // before 0.10
    {"cascade_cached_tokens_total", "vllm:prefix_cache_hits_total"},
    {"cascade_preemptions_total", "vllm:num_preemptions_total"},
    {"cascade_generated_tokens_total", "vllm:generation_tokens_total"},
    {"cascade_drafted_tokens_total", "vllm:spec_decode_num_draft_tokens_total"},
    {"cascade_accepted_tokens_total", "vllm:spec_decode_num_accepted_tokens_total"},
    {"cascade_step_rows", "vllm:iteration_tokens_total"},
    {"cascade_time_to_first_token_seconds", "vllm:time_to_first_token_seconds"},
    {"cascade_time_between_tokens_seconds", "vllm:inter_token_latency_seconds"},
    {"cascade_time_between_tokens_seconds", "vllm:time_per_output_token_seconds"},  // before 0.11
    {"cascade_request_duration_seconds", "vllm:e2e_request_latency_seconds"},
    {"cascade_request_queue_seconds", "vllm:request_queue_time_seconds"},
    {"cascade_request_prefill_seconds", "vllm:request_prefill_time_seconds"},
    {"cascade_request_decode_seconds", "vllm:request_decode_time_seconds"},
    {"cascade_request_prompt_tokens", "vllm:request_prompt_tokens"},
    {"cascade_request_generated_tokens", "vllm:request_generation_tokens"},
};

const MetricFamily* Find(const std::vector<MetricFamily>& families, absl::string_view name) {
  const auto found =
      absl::c_find_if(families, [name](const MetricFamily& f) { return f.name == name; });
  return found == families.end() ? nullptr : &*found;
}

// The first number of a family without labels; 0 if it is not there.
double CounterIn(const std::vector<MetricFamily>& families, absl::string_view name) {
  const MetricFamily* family = Find(families, name);
  return family == nullptr || family->metric.empty() ? 0 : family->metric.front().counter.value;
}

// vLLM's finished_reason: "stop" or "length".
std::string FinishedReason(const ClientMetric& metric) {
  for (const ClientMetric::Label& label : metric.label) {
    if (label.name != "reason") continue;
    const bool by_length =
        label.value == "max_tokens" || label.value == "context_full" || label.value == "time_limit";
    return by_length ? "length" : "stop";
  }
  return "";
}

MetricFamily SuccessByReason(const std::vector<MetricFamily>& families) {
  MetricFamily successes = {
      "vllm:request_success_total", "Requests that finished.", prometheus::MetricType::Counter, {}};
  for (const char* reason : {"stop", "length"}) {
    ClientMetric metric;
    metric.label = {{"finished_reason", reason}};
    successes.metric.push_back(metric);
  }
  const MetricFamily* finished = Find(families, "cascade_choices_finished_total");
  if (finished == nullptr) return successes;
  for (const ClientMetric& metric : finished->metric) {
    ClientMetric& sum = successes.metric[FinishedReason(metric) == "stop" ? 0 : 1];
    sum.counter.value += metric.counter.value;
  }
  return successes;
}

// Which router and sizing tools read for the size of the cache.
MetricFamily CacheConfig(const std::vector<MetricFamily>& families) {
  const MetricFamily* blocks = Find(families, "cascade_kv_cache_blocks");
  const double count = blocks == nullptr ? 0 : blocks->metric.front().gauge.value;
  return GaugeOf("vllm:cache_config_info", "The KV cache: blocks of so many tokens.", 1,
                 {{"block_size", absl::StrCat(model::kernels::kBlockPositions)},
                  {"num_gpu_blocks", absl::StrCat(static_cast<std::uint64_t>(count))}});
}

}  // namespace

std::vector<MetricFamily> UnderVllmNames(const std::vector<MetricFamily>& families,
                                         absl::string_view model_name) {
  std::vector<MetricFamily> renamed;
  for (const auto& [ours, theirs] : kNames) {
    const MetricFamily* family = Find(families, ours);
    if (family == nullptr) continue;
    renamed.push_back(*family);
    renamed.back().name = theirs;
  }
  // vLLM counts the tokens of prompts whether the cache had them or not.
  const double run = CounterIn(families, "cascade_prompt_tokens_total");
  const double cached = CounterIn(families, "cascade_cached_tokens_total");
  renamed.push_back(
      CounterOf("vllm:prompt_tokens_total", "Tokens of prompts, cached or not.", run + cached));
  renamed.push_back(CounterOf("vllm:prefix_cache_queries_total",
                              "Tokens of prompts that were looked for in the cache.",
                              run + cached));
  renamed.push_back(SuccessByReason(families));
  renamed.push_back(CacheConfig(families));
  for (MetricFamily& family : renamed) {
    for (ClientMetric& metric : family.metric) {
      metric.label.push_back({"model_name", std::string(model_name)});
    }
  }
  return renamed;
}

}  // namespace cascade::server
