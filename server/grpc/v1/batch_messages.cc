// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/v1/batch_messages.h"

#include <algorithm>
#include <cstddef>

#include "server/engine/clock.h"
#include "server/grpc/duration.h"

namespace cascade::server {

InputText ToInput(const v1::Input& message) {
  InputText input;
  if (message.has_text()) input.text = message.text();
  if (message.has_token_ids()) {
    const auto& ids = message.token_ids().ids();
    input.token_ids = {ids.data(), static_cast<std::size_t>(ids.size())};
  }
  return input;
}

void FillTimings(absl::Time arrival, absl::Duration queue, v1::Timings& timings) {
  const absl::Duration all = std::max(MonotonicNow() - arrival, queue);
  ToProto(queue, *timings.mutable_queue());
  ToProto(all - queue, *timings.mutable_prefill());
  ToProto(absl::ZeroDuration(), *timings.mutable_decode());
}

}  // namespace cascade::server
