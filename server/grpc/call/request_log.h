// SPDX-License-Identifier: Apache-2.0
// The lines that the log has for each request.
#pragma once

#include "server/grpc/call/call_observer.h"

namespace cascade::server {

// One line for each request: the ids that its caller goes by, its sizes and times, and how its call
// ended. Never its text, unless `prompts`.
class RequestLog final : public CallObserver {
 public:
  explicit RequestLog(bool prompts) : prompts_(prompts) {}

  // At `debug`.
  void OnRefused(const RefusedRequest& request) const noexcept override;

  // Its prompt, if prompts are to be logged: the first 4 KiB of it, at `info`.
  void OnAdmitted(const AdmittedRequest& request) const noexcept override;

  // At `info` for every request that finished; at `info` too, but a few a second, for those that
  // failed; at `debug` for those that the worker never started.
  void OnGenerationEnd(const EndedGeneration& generation) const noexcept override;

  // Calls without a token that is known: at `info`, a few a second.
  void OnCallEnd(const EndedCall& call) const noexcept override;

 private:
  const bool prompts_;
};

}  // namespace cascade::server
