// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/v1/status.h"

#include <cstddef>
#include <cstdint>

#include "model/kernels/kv_block.h"
#include "server/grpc/duration.h"
#include "server/grpc/v1/to_uint32.h"

namespace cascade::server {
namespace {

void FillKvCache(const WorkerStats& stats, v1::GetStatusResponse::KvCache& out) {
  const auto share = [total = stats.total_blocks](std::size_t blocks) {
    return total == 0 ? 0.0F : static_cast<float>(blocks) / static_cast<float>(total);
  };
  out.set_used(share(stats.total_blocks - stats.free_blocks));
  out.set_cached(share(stats.cached_blocks));
  out.set_tokens(stats.total_blocks * model::kernels::kBlockPositions);
}

void FillTotals(const Counts& counts, v1::GetStatusResponse::Totals& out) {
  out.set_prompt_tokens(counts.prompt_tokens);
  out.set_cached_tokens(counts.cached_tokens);
  out.set_generated_tokens(counts.generated_tokens);
  out.set_finished_requests(counts.finished);
}

}  // namespace

v1::GetStatusResponse ToProto(const WorkerStats& stats, absl::Duration retry_after) {
  v1::GetStatusResponse out;
  out.set_running(ToUint32(stats.running));
  out.set_stalled(ToUint32(stats.stalled));
  out.set_preempted(ToUint32(stats.preempted));
  out.set_waiting(ToUint32(stats.queued));
  out.set_waiting_tokens(stats.queued_tokens);
  FillKvCache(stats, *out.mutable_kv_cache());
  out.mutable_rates()->set_tokens_per_second(static_cast<float>(stats.tokens_per_second));
  out.mutable_rates()->set_requests_per_second(static_cast<float>(stats.requests_per_second));
  FillTotals(stats.counts, *out.mutable_totals());
  ToProto(retry_after, *out.mutable_retry_after());
  return out;
}

}  // namespace cascade::server
