// SPDX-License-Identifier: Apache-2.0
// What the metrics have of calls.
#pragma once

#include <memory>
#include <vector>

#include "prometheus/metric_family.h"
#include "server/grpc/call/call_observer.h"

namespace cascade::server {

// Counts calls and their generations as they end. Any thread.
//
//   cascade_calls_total{service,method,code}      calls, those that were refused included
//   cascade_requests_failed_total{stage,code}     requests for text without an answer; the stage is
//                                                 admission, queue, prefill, decode, or delivery
//                                                 (the answer was made, but not read to its end)
//   cascade_choices_finished_total{reason}        eos, stop_token, stop_string,
//                                                 constraint_complete, max_tokens,
//                                                 context_full, time_limit
//   cascade_time_to_first_token_seconds           of requests that finished: from the queue on
//   cascade_request_queue_seconds, _prefill_, _decode_, cascade_request_duration_seconds
//   cascade_request_prompt_tokens, cascade_request_generated_tokens
class CallMetrics final : public CallObserver {
 public:
  CallMetrics();
  ~CallMetrics() override;

  void OnRefused(const RefusedRequest& request) const noexcept override;
  void OnAdmitted(const AdmittedRequest& /*request*/) const noexcept override {}
  void OnGenerationEnd(const EndedGeneration& generation) const noexcept override;
  void OnCallEnd(const EndedCall& call) const noexcept override;

  // A snapshot. May throw std::bad_alloc.
  std::vector<prometheus::MetricFamily> Collect() const;

 private:
  struct Families;
  const std::unique_ptr<Families> families_;
};

}  // namespace cascade::server
