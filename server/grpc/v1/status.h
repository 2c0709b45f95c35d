// SPDX-License-Identifier: Apache-2.0
// How busy the server is, as a message of cascade.v1.
#pragma once

#include "absl/time/time.h"
#include "cascade/v1/text_generation.pb.h"
#include "server/engine/stats.h"

namespace cascade::server {

// `retry_after`: Worker::RetryAfter.
v1::GetStatusResponse ToProto(const WorkerStats& stats, absl::Duration retry_after);

}  // namespace cascade::server
