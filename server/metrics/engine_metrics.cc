// SPDX-License-Identifier: Apache-2.0

#include "server/metrics/engine_metrics.h"

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/grpc/model_info.h"
#include "server/metrics/family.h"

namespace cascade::server {
namespace {

double Number(std::uint64_t count) { return static_cast<double>(count); }

// The share of the KV cache that sequences hold.
double Usage(const WorkerStats& stats) {
  if (stats.total_blocks == 0) return 0;
  return Number(stats.total_blocks - stats.free_blocks) / Number(stats.total_blocks);
}

}  // namespace

std::vector<prometheus::MetricFamily> EngineMetrics(const WorkerStats& stats) {
  const Counts& counts = stats.counts;
  return {
      CounterOf("cascade_steps_total", "Steps of the model.", Number(counts.steps)),
      CounterOf("cascade_prompt_tokens_total", "Tokens of prompts that the model ran.",
                Number(counts.prompt_tokens)),
      CounterOf("cascade_cached_tokens_total", "Tokens of prompts found in the prefix cache.",
                Number(counts.cached_tokens)),
      CounterOf("cascade_generated_tokens_total", "Tokens generated.",
                Number(counts.generated_tokens)),
      CounterOf("cascade_drafted_tokens_total", "Tokens drafted ahead by speculation.",
                Number(counts.drafted_tokens)),
      CounterOf("cascade_accepted_tokens_total", "Drafted tokens that turned out right.",
                Number(counts.accepted_tokens)),
      CounterOf("cascade_recomputed_tokens_total", "Tokens run again after a preemption.",
                Number(counts.recomputed_tokens)),
      CounterOf("cascade_preemptions_total", "Sequences whose KV blocks were taken.",
                Number(counts.preemptions)),
      CounterOf("cascade_stalls_total", "Times that a client fell too far behind its answer.",
                Number(counts.stalls)),
      GaugeOf("cascade_sequences_running", "Sequences that were started and have not ended.",
              Number(stats.running)),
      GaugeOf("cascade_sequences_stalled", "Running ones whose client does not keep up.",
              Number(stats.stalled)),
      GaugeOf("cascade_sequences_preempted", "Running ones that wait to get KV blocks again.",
              Number(stats.preempted)),
      GaugeOf("cascade_requests_waiting", "Requests in the queue.", Number(stats.queued)),
      GaugeOf("cascade_tokens_waiting", "Tokens of the prompts in the queue.",
              Number(stats.queued_tokens)),
      GaugeOf("cascade_kv_cache_blocks", "Blocks of the KV cache.", Number(stats.total_blocks)),
      GaugeOf("cascade_kv_cache_blocks_used", "Blocks that sequences hold.",
              Number(stats.total_blocks - stats.free_blocks)),
      GaugeOf("cascade_kv_cache_usage_ratio", "Share of the KV cache that sequences hold.",
              Usage(stats)),
      GaugeOf("cascade_prefix_cache_blocks", "Blocks free for use that keep a prefix meanwhile.",
              Number(stats.cached_blocks)),
      HistogramOf("cascade_time_between_tokens_seconds", "From one token of an answer to its next.",
                  counts.token_intervals),
      HistogramOf("cascade_step_duration_seconds", "Duration of the model's steps.",
                  stats.step_seconds),
      HistogramOf("cascade_step_rows", "Tokens that a step of the model ran.", stats.step_rows),
  };
}

std::vector<prometheus::MetricFamily> ModelMetrics(const ModelInfo& info) {
  return {GaugeOf(
      "cascade_model_info", "The model that is served.", 1,
      {{"name", info.name},
       {"fingerprint", info.fingerprint},
       {"weights", std::string(model::kernels::Name(info.weights.precision.weights))},
       {"activations", std::string(model::kernels::Name(info.weights.precision.activations))},
       {"kv_cache_type", std::string(Name(info.cache_type))},
       {"parameters", absl::StrCat(info.weights.parameters)},
       {"n_ctx", absl::StrCat(info.config.n_ctx)}})};
}

}  // namespace cascade::server
