// SPDX-License-Identifier: Apache-2.0
// What VllmEngine tells of the model and of the server.
#pragma once

#include "absl/time/time.h"
#include "server/engine/stats.h"
#include "server/grpc/vllm/messages.h"

namespace cascade::server {

struct ModelInfo;

engine_pb::GetModelInfoResponse ToModelInfo(const ModelInfo& info);

// `uptime`: of the service. `last_received`: when the last request came, in seconds since 1970; 0:
// none has.
engine_pb::GetServerInfoResponse ToServerInfo(const ModelInfo& info, const WorkerStats& stats,
                                              absl::Duration uptime, double last_received);

// All there is, or nothing if another rank than 0 is asked for.
engine_pb::GetLoadsResponse ToLoads(const engine_pb::GetLoadsRequest& request,
                                    const ModelInfo& info, const WorkerStats& stats);

}  // namespace cascade::server
