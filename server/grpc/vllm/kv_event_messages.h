// SPDX-License-Identifier: Apache-2.0
// What the prefix cache took up and gave up, as messages of smg.grpc.common.
#pragma once

#include "server/engine/prefix_log.h"
#include "server/grpc/vllm/messages.h"

namespace cascade::server {

// Fills number and events of `out`. Blocks that follow one another make one event, and so do those
// that were given up.
void FillEvents(const PrefixEvents& events, common_pb::KvEventBatch& out);

}  // namespace cascade::server
