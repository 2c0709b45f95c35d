// SPDX-License-Identifier: Apache-2.0
// What the metrics have of the engine and of the model.
#pragma once

#include <vector>

#include "prometheus/metric_family.h"
#include "server/engine/stats.h"

namespace cascade::server {

struct ModelInfo;

// Of a snapshot of the worker. May throw std::bad_alloc, as both functions may.
//
//   counters    cascade_prompt_tokens_total (run), _cached_, _generated_, _drafted_, _accepted_,
//               _recomputed_; cascade_steps_total, cascade_preemptions_total, cascade_stalls_total
//   gauges      cascade_sequences_running, _stalled, _preempted; cascade_requests_waiting,
//               cascade_tokens_waiting; cascade_kv_cache_blocks, _blocks_used, _usage_ratio;
//               cascade_prefix_cache_blocks
//   histograms  cascade_time_between_tokens_seconds, cascade_step_duration_seconds,
//               cascade_step_rows
std::vector<prometheus::MetricFamily> EngineMetrics(const WorkerStats& stats);

// cascade_model_info: 1, with the model's name, fingerprint and types as labels.
std::vector<prometheus::MetricFamily> ModelMetrics(const ModelInfo& info);

}  // namespace cascade::server
