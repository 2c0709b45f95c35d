// SPDX-License-Identifier: Apache-2.0
// Who hears what becomes of calls: the log, the metrics.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace cascade::server {

class Answer;
class Tenant;
struct Correlation;

// A method as the wire names it. Literals.
struct MethodName {
  absl::string_view service;  // "cascade.v1.TextGeneration"
  absl::string_view method;   // "Generate"
};

// Not 0, and no secret. Any thread.
std::uint64_t RandomId();

// What is known of a call from its beginning on.
struct BegunCall {
  // Now, under a new id.
  explicit BegunCall(const MethodName& method_name);

  MethodName method;
  absl::Time begun;  // MonotonicNow
  std::uint64_t id;  // a RandomId: so that what is told of the call at different times can meet
};

// A request that was refused before the worker had it. Borrows all.
struct RefusedRequest {
  const MethodName& method;
  const Correlation& correlation;
  const Tenant* tenant;          // null: not known
  absl::string_view request_id;  // as it was sent: anything
  const absl::Status& status;
};

// A request that the worker is about to have. Borrows all.
struct AdmittedRequest {
  const MethodName& method;
  const Tenant* tenant;  // null: callers are not known
  absl::string_view request_id;
  absl::string_view text;  // the prompt; empty if it came as token ids
};

// A generation that the worker has ended. Borrows all.
struct EndedGeneration {
  const BegunCall& call;
  const Correlation& correlation;
  const Tenant* tenant;  // null: callers are not known
  absl::Time submitted;  // to the worker; MonotonicNow
  const Answer& answer;
  const absl::Status& status;  // of its call
};

// A call that has ended. Borrows all.
struct EndedCall {
  const BegunCall& call;
  const Correlation& correlation;
  const absl::Status& status;
};

// Any thread calls it, several at once, and none of the functions may wait or throw: what there is
// no memory for is left out.
class CallObserver {
 public:
  virtual ~CallObserver() = default;

  virtual void OnRefused(const RefusedRequest& request) const noexcept = 0;
  virtual void OnAdmitted(const AdmittedRequest& request) const noexcept = 0;
  virtual void OnGenerationEnd(const EndedGeneration& generation) const noexcept = 0;

  // A call of any method of a service that needs the model, those that were refused included; after
  // its generations.
  virtual void OnCallEnd(const EndedCall& call) const noexcept = 0;
};

// Tells each of several observers, which it borrows, in their order.
class CallObservers final : public CallObserver {
 public:
  explicit CallObservers(std::vector<const CallObserver*> observers)
      : observers_(std::move(observers)) {}

  void OnRefused(const RefusedRequest& request) const noexcept override {
    for (const CallObserver* observer : observers_) observer->OnRefused(request);
  }
  void OnAdmitted(const AdmittedRequest& request) const noexcept override {
    for (const CallObserver* observer : observers_) observer->OnAdmitted(request);
  }
  void OnGenerationEnd(const EndedGeneration& generation) const noexcept override {
    for (const CallObserver* observer : observers_) observer->OnGenerationEnd(generation);
  }
  void OnCallEnd(const EndedCall& call) const noexcept override {
    for (const CallObserver* observer : observers_) observer->OnCallEnd(call);
  }

 private:
  const std::vector<const CallObserver*> observers_;
};

}  // namespace cascade::server
