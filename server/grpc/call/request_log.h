// SPDX-License-Identifier: Apache-2.0
// The lines that the log has for each request.
#pragma once

#include "server/grpc/call/call_observer.h"

namespace cascade::server {

// One line for each request: the ids that its caller goes by, its sizes and times, and how its call
// ended. Never its text.
class RequestLog final : public CallObserver {
 public:
  // At `debug`.
  void OnRefused(const RefusedRequest& request) const noexcept override;

  // At `info` for every request that finished; at `info` too, but a few a second, for those that
  // failed; at `debug` for those that the worker never started.
  void OnGenerationEnd(const EndedGeneration& generation) const noexcept override;

  void OnCallEnd(const MethodName& /*method*/,
                 const absl::Status& /*status*/) const noexcept override {}
};

}  // namespace cascade::server
