// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/vllm/load.h"

#include <algorithm>
#include <cstdint>
#include <limits>

#include "model/kernels/kv_block.h"

namespace cascade::server {
namespace {

std::int32_t ToInt32(std::size_t value) {
  constexpr std::size_t kMost = std::numeric_limits<std::int32_t>::max();
  return static_cast<std::int32_t>(std::min(value, kMost));
}
std::uint32_t ToUint32(std::size_t value) { return static_cast<std::uint32_t>(ToInt32(value)); }

double Share(double part, double whole) { return whole == 0 ? 0 : part / whole; }

// What the two messages have in common.
struct Load {
  explicit Load(const WorkerStats& stats)
      : used_blocks(stats.total_blocks - stats.free_blocks),
        token_usage(
            Share(static_cast<double>(used_blocks), static_cast<double>(stats.total_blocks))),
        cache_hit_rate(
            Share(static_cast<double>(stats.counts.cached_tokens),
                  static_cast<double>(stats.counts.cached_tokens + stats.counts.prompt_tokens))) {}

  std::size_t used_blocks;
  double token_usage;
  double cache_hit_rate;
};

std::int32_t TokensOf(std::size_t blocks) {
  return ToInt32(blocks * model::kernels::kBlockPositions);
}

}  // namespace

void FillLoad(const WorkerStats& stats, std::size_t max_running, engine_pb::SchedulerLoad& out) {
  const Load load(stats);
  out.set_num_running_reqs(ToInt32(stats.running));
  out.set_num_waiting_reqs(ToInt32(stats.queued));
  out.set_num_total_reqs(ToInt32(stats.running + stats.queued));
  out.set_num_used_tokens(TokensOf(load.used_blocks));
  out.set_max_total_num_tokens(TokensOf(stats.total_blocks));
  out.set_token_usage(load.token_usage);
  out.set_gen_throughput(stats.tokens_per_second);
  out.set_cache_hit_rate(load.cache_hit_rate);
  out.set_utilization(Share(static_cast<double>(stats.running), static_cast<double>(max_running)));
  out.set_max_running_requests(ToInt32(max_running));
  out.set_num_waiting_uncached_tokens(ToInt32(stats.queued_tokens));
}

void FillLoad(const WorkerStats& stats, std::size_t max_running, common_pb::EngineLoad& out) {
  const Load load(stats);
  out.set_running_requests(ToUint32(stats.running));
  out.set_waiting_requests(ToUint32(stats.queued));
  out.set_waiting_uncached_tokens(ToUint32(stats.queued_tokens));
  out.set_token_usage(load.token_usage);
  out.set_active_token_usage(load.token_usage);
  out.set_gen_throughput(stats.tokens_per_second);
  out.set_max_running_requests(ToUint32(max_running));
  out.set_cache_hit_rate(load.cache_hit_rate);
  out.set_num_used_tokens(TokensOf(load.used_blocks));
  out.set_max_total_num_tokens(TokensOf(stats.total_blocks));
}

}  // namespace cascade::server
