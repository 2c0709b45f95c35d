// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/request/admit.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "grpc/support/time.h"
#include "model/tokenizer/tokenizer.h"
#include "server/engine/admission.h"
#include "server/engine/caller.h"
#include "server/engine/clock.h"
#include "server/grpc/backend.h"
#include "server/grpc/call/correlation.h"
#include "server/grpc/model_info.h"
#include "server/grpc/request/batch_validation.h"
#include "server/grpc/request/caller_of.h"
#include "server/grpc/request/constraint_preparation.h"
#include "server/grpc/request/limits.h"
#include "server/grpc/request/text_request.h"
#include "server/grpc/request/validation.h"
#include "server/grpc/serving.h"

namespace cascade::server {
namespace {

// In gRPC's own type: a time_point has 292 years of nanoseconds, and clients ask for more.
absl::Time Deadline(const grpc::CallbackServerContext& context) {
  const gpr_timespec deadline = context.raw_deadline();
  if (gpr_time_cmp(deadline, gpr_inf_future(deadline.clock_type)) == 0) {
    return absl::InfiniteFuture();
  }
  const gpr_timespec left = gpr_time_sub(deadline, gpr_now(deadline.clock_type));
  return MonotonicNow() + absl::Seconds(left.tv_sec) + absl::Nanoseconds(left.tv_nsec);
}

// What a request holds while it runs and is answered.
struct Places {
  TenantPermit tenant;
  Admission::Permit open;
  std::vector<Admission::Permit> at_worker;  // at least one
};

// One place at the worker, and up to `most` if they are free.
absl::StatusOr<Places> TakePlaces(const Backend& backend, Caller caller,
                                  std::shared_ptr<Tenant> tenant, std::size_t most) {
  absl::StatusOr<TenantPermit> of_tenant =
      TenantPermit::TryEnter(std::move(tenant), MonotonicNow());
  if (!of_tenant.ok()) return of_tenant.status();
  Places places;
  places.tenant = *std::move(of_tenant);
  places.open = backend.open_generations.TryEnter(caller);
  if (!places.open) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the server is full: ", backend.open_generations.held(),
                     " answers are being made or have not been read to their ends, of at most ",
                     backend.open_generations.limit(), ", twice --max_running and --max_queued, ",
                     backend.open_generations.limit_for_one(), " of them for one caller"));
  }
  while (places.at_worker.size() < most) {
    Admission::Permit permit = backend.admission.TryEnter(caller);
    if (!permit) break;
    places.at_worker.push_back(std::move(permit));
  }
  if (!places.at_worker.empty()) return places;
  return absl::ResourceExhaustedError(
      absl::StrCat("the server is full: ", backend.admission.held(),
                   " requests run or wait, of at most --max_running=", backend.info.max_running,
                   " and --max_queued=", backend.info.max_queued, " together, ",
                   backend.admission.limit_for_one(), " of them for one caller"));
}

// How many requests of a call of many may be at the worker at once: few, so that no call crowds out
// the others.
std::size_t MostPlaces(std::size_t requests, const ModelInfo& info) {
  return std::min({requests, kMostRequestsAtOnce, std::max<std::size_t>(info.max_running / 2, 1)});
}

// An answer that began on another model would go on as another one.
absl::Status CheckFingerprint(const TextRequest& request, const ModelInfo& info) {
  const absl::string_view theirs = request.resumed_fingerprint;
  if (theirs.empty() || theirs == info.fingerprint) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("the answer to resume is from a server of the fingerprint \"",
                   absl::CHexEscape(theirs.substr(0, info.fingerprint.size())),
                   "\"; this one's is \"", info.fingerprint, "\""));
}

absl::StatusOr<PreparedRequest> TryAdmit(const Serving& serving, absl::Time deadline, Caller caller,
                                         std::shared_ptr<Tenant> tenant, const TextRequest& request,
                                         Violations violations) {
  const absl::StatusOr<const Backend*> available = serving.Available();
  if (!available.ok()) return available.status();
  const Backend& backend = **available;
  Validate(request, backend.info, violations);
  if (absl::Status status = violations.ToStatus(); !status.ok()) return status;
  if (absl::Status status = CheckFingerprint(request, backend.info); !status.ok()) return status;
  absl::StatusOr<Places> places = TakePlaces(backend, caller, std::move(tenant), 1);
  if (!places.ok()) return places.status();
  absl::StatusOr<PreparedRequest> prepared =
      Prepare(request, deadline, backend.info, backend.tokenizer);
  if (!prepared.ok()) return prepared;
  prepared->generation.caller = caller;
  prepared->generation.permit = std::move(places->at_worker.front());
  prepared->open = std::move(places->open);
  if (places->tenant.tenant() != nullptr) {
    prepared->generation.cache_salt = places->tenant.tenant()->CacheSalt(request.cache.salt);
  }
  prepared->tenant = std::move(places->tenant);
  if (absl::Status status = AddConstraint(request, backend.constraints, *prepared); !status.ok()) {
    return status;
  }
  return prepared;
}

template <typename Request>
absl::StatusOr<PreparedBatch> TryAdmitBatch(const Serving& serving, absl::Time deadline,
                                            Caller caller, std::shared_ptr<Tenant> tenant,
                                            const Request& request, Violations violations) {
  const absl::StatusOr<const Backend*> available = serving.Available();
  if (!available.ok()) return available.status();
  const Backend& backend = **available;
  Validate(request, backend.info, violations);
  if (absl::Status status = violations.ToStatus(); !status.ok()) return status;
  absl::StatusOr<Places> places =
      TakePlaces(backend, caller, std::move(tenant), MostPlaces(request.requests(), backend.info));
  if (!places.ok()) return places.status();
  absl::StatusOr<PreparedBatch> batch = Prepare(request, deadline, backend.info, backend.tokenizer);
  if (!batch.ok()) return batch;
  for (PreparedBatch::Part& part : batch->parts) {
    part.generation.caller = caller;
    if (places->tenant.tenant() == nullptr) continue;
    part.generation.cache_salt = places->tenant.tenant()->CacheSalt(request.cache.salt);
  }
  batch->places = std::move(places->at_worker);
  batch->open = std::move(places->open);
  batch->tenant = std::move(places->tenant);
  return batch;
}

void TellAdmitted(const Serving& serving, const MethodName& method, const Tenant* tenant,
                  absl::string_view id, absl::string_view text) {
  serving.environment().observer.OnAdmitted(
      {.method = method, .tenant = tenant, .request_id = id, .text = text});
}

// Every prompt of `request`.
void TellAdmitted(const Serving& serving, const MethodName& method, const Tenant* tenant,
                  absl::string_view id, const EmbeddingRequest& request) {
  for (const InputText& input : request.inputs) {
    TellAdmitted(serving, method, tenant, id, input.text.value_or(""));
  }
}
void TellAdmitted(const Serving& serving, const MethodName& method, const Tenant* tenant,
                  absl::string_view id, const ScoringRequest& request) {
  for (const ScoringRequest::Item& item : request.items) {
    TellAdmitted(serving, method, tenant, id, item.prompt.text.value_or(""));
  }
}

}  // namespace

absl::StatusOr<PreparedRequest> Admit(const Serving& serving, const MethodName& method,
                                      const grpc::CallbackServerContext& context,
                                      std::shared_ptr<Tenant> tenant, TextRequest request,
                                      Violations violations) {
  const Correlation correlation = CorrelationOf(context);
  if (request.request_id.empty()) request.request_id = correlation.RequestIdToTake();
  if (tenant != nullptr) request.max_priority = tenant->spec().max_priority;
  std::string owner = OwnerOf(tenant.get(), context.peer());
  const Caller caller = CallerNamed(owner);
  absl::StatusOr<PreparedRequest> prepared =
      TryAdmit(serving, Deadline(context), caller, tenant, request, std::move(violations));
  if (!prepared.ok()) {
    serving.environment().observer.OnRefused({.method = method,
                                              .correlation = correlation,
                                              .tenant = tenant.get(),
                                              .request_id = request.request_id,
                                              .status = prepared.status()});
    return prepared;
  }
  prepared->generation.owner = std::move(owner);
  TellAdmitted(serving, method, tenant.get(), prepared->generation.id, request.text.value_or(""));
  return prepared;
}

template <typename Request>
absl::StatusOr<PreparedBatch> AdmitBatch(const Serving& serving, const MethodName& method,
                                         const grpc::CallbackServerContext& context,
                                         std::shared_ptr<Tenant> tenant, Request request,
                                         Violations violations) {
  const Correlation correlation = CorrelationOf(context);
  if (request.request_id.empty()) request.request_id = correlation.RequestIdToTake();
  if (tenant != nullptr) request.max_priority = tenant->spec().max_priority;
  const std::string owner = OwnerOf(tenant.get(), context.peer());
  absl::StatusOr<PreparedBatch> batch = TryAdmitBatch(
      serving, Deadline(context), CallerNamed(owner), tenant, request, std::move(violations));
  if (!batch.ok()) {
    serving.environment().observer.OnRefused({.method = method,
                                              .correlation = correlation,
                                              .tenant = tenant.get(),
                                              .request_id = request.request_id,
                                              .status = batch.status()});
    return batch;
  }
  for (PreparedBatch::Part& part : batch->parts) part.generation.owner = owner;
  TellAdmitted(serving, method, tenant.get(), batch->parts.front().generation.id, request);
  return batch;
}

template absl::StatusOr<PreparedBatch> AdmitBatch(const Serving&, const MethodName&,
                                                  const grpc::CallbackServerContext&,
                                                  std::shared_ptr<Tenant>, EmbeddingRequest,
                                                  Violations);
template absl::StatusOr<PreparedBatch> AdmitBatch(const Serving&, const MethodName&,
                                                  const grpc::CallbackServerContext&,
                                                  std::shared_ptr<Tenant>, ScoringRequest,
                                                  Violations);

}  // namespace cascade::server
