// SPDX-License-Identifier: Apache-2.0

#include "server/metrics/vllm_names.h"

#include <map>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "server/metrics/engine_metrics.h"
#include "server/metrics/family.h"
#include "tests/server/metrics/series.h"

namespace cascade::server {
namespace {

WorkerStats Stats() {
  WorkerStats stats;
  stats.running = 3;
  stats.queued = 4;
  stats.free_blocks = 6;
  stats.total_blocks = 8;
  stats.counts.prompt_tokens = 10;
  stats.counts.cached_tokens = 5;
  stats.counts.generated_tokens = 7;
  stats.counts.token_intervals.Add(0.3, 2);
  return stats;
}

TEST(VllmNamesTest, HaveTheValuesOfOurOwn) {
  std::map<std::string, double> series =
      testing::SeriesOf(UnderVllmNames(EngineMetrics(Stats()), "tales"));
  const std::string label = "{model_name=\"tales\"}";
  EXPECT_EQ(series["vllm:num_requests_running" + label], 3);
  EXPECT_EQ(series["vllm:num_requests_waiting" + label], 4);
  EXPECT_EQ(series["vllm:kv_cache_usage_perc" + label], 0.25);
  EXPECT_EQ(series["vllm:generation_tokens_total" + label], 7);
  EXPECT_EQ(series["vllm:prompt_tokens_total" + label], 15);
  EXPECT_EQ(series["vllm:prefix_cache_queries_total" + label], 15);
  EXPECT_EQ(series["vllm:prefix_cache_hits_total" + label], 5);
  EXPECT_EQ(series["vllm:inter_token_latency_seconds_count" + label], 2);
  EXPECT_EQ(series["vllm:inter_token_latency_seconds_bucket{model_name=\"tales\",le=\"0.2\"}"], 0);
  EXPECT_EQ(series["vllm:inter_token_latency_seconds_bucket{model_name=\"tales\",le=\"0.5\"}"], 2);
  EXPECT_EQ(
      series["vllm:cache_config_info{block_size=\"16\",num_gpu_blocks=\"8\",model_name=\"tales\"}"],
      1);
}

TEST(VllmNamesTest, EveryReasonIsStopOrLength) {
  prometheus::MetricFamily finished = CounterOf("cascade_choices_finished_total", "", 0);
  finished.metric.clear();
  double count = 1;
  for (const char* reason :
       {"eos", "stop_token", "stop_string", "max_tokens", "context_full", "time_limit"}) {
    prometheus::ClientMetric metric;
    metric.label = {{"reason", reason}};
    metric.counter.value = count;
    finished.metric.push_back(metric);
    count *= 10;
  }
  std::map<std::string, double> series = testing::SeriesOf(UnderVllmNames({finished}, "m"));
  EXPECT_EQ(series["vllm:request_success_total{finished_reason=\"stop\",model_name=\"m\"}"], 111);
  EXPECT_EQ(series["vllm:request_success_total{finished_reason=\"length\",model_name=\"m\"}"],
            111'000);
}

}  // namespace
}  // namespace cascade::server
