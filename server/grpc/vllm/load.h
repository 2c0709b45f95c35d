// SPDX-License-Identifier: Apache-2.0
// How busy the engine is, as the messages of vllm.grpc.engine say it.
#pragma once

#include <cstddef>

#include "server/engine/stats.h"
#include "server/grpc/vllm/messages.h"

namespace cascade::server {

// `max_running`: --max_running.
void FillLoad(const WorkerStats& stats, std::size_t max_running, engine_pb::SchedulerLoad& out);
void FillLoad(const WorkerStats& stats, std::size_t max_running, common_pb::EngineLoad& out);

}  // namespace cascade::server
