// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/request/admit.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "grpc/support/time.h"
#include "model/constraints/constraint.h"
#include "model/constraints/constraint_spec.h"
#include "model/tokenizer/tokenizer.h"
#include "server/engine/admission.h"
#include "server/engine/caller.h"
#include "server/engine/clock.h"
#include "server/grpc/backend.h"
#include "server/grpc/call/correlation.h"
#include "server/grpc/model_info.h"
#include "server/grpc/request/caller_of.h"
#include "server/grpc/request/constraint_cache.h"
#include "server/grpc/request/constraint_validation.h"
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

// Compiles what the answer must be, and counts its memory.
absl::Status AddConstraint(const TextRequest& request, ConstraintCache& constraints,
                           PreparedRequest& prepared) {
  if (!request.constraint) return absl::OkStatus();
  model::ConstraintSpec spec;
  spec.kind = request.constraint->kind;
  spec.text = std::string(request.constraint->text);
  for (const absl::string_view choice : request.constraint->choices) {
    spec.choices.emplace_back(choice);
  }
  absl::StatusOr<std::shared_ptr<model::Constraint>> constraint =
      constraints.Get(spec, prepared.generation.cache_salt);
  if (!constraint.ok()) {
    Violations violations(request.field_name);
    violations.Add(ConstraintPath(*request.constraint), constraint.status().message());
    return violations.ToStatus();
  }
  prepared.state_bytes += (*constraint)->max_bytes();
  prepared.generation.params.constraint = *std::move(constraint);
  return absl::OkStatus();
}

absl::StatusOr<PreparedRequest> TryAdmit(const Serving& serving, absl::Time deadline, Caller caller,
                                         std::shared_ptr<Tenant> tenant, const TextRequest& request,
                                         Violations violations) {
  const absl::StatusOr<const Backend*> available = serving.Available();
  if (!available.ok()) return available.status();
  const Backend& backend = **available;
  Validate(request, backend.info, violations);
  if (absl::Status status = violations.ToStatus(); !status.ok()) return status;
  absl::StatusOr<TenantPermit> of_tenant =
      TenantPermit::TryEnter(std::move(tenant), MonotonicNow());
  if (!of_tenant.ok()) return of_tenant.status();
  Admission::Permit open = backend.open_generations.TryEnter(caller);
  if (!open) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the server is full: ", backend.open_generations.held(),
                     " answers are being made or have not been read to their ends, of at most ",
                     backend.open_generations.limit(), ", twice --max_running and --max_queued, ",
                     backend.open_generations.limit_for_one(), " of them for one caller"));
  }
  Admission::Permit permit = backend.admission.TryEnter(caller);
  if (!permit) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the server is full: ", backend.admission.held(),
                     " requests run or wait, of at most --max_running=", backend.info.max_running,
                     " and --max_queued=", backend.info.max_queued, " together, ",
                     backend.admission.limit_for_one(), " of them for one caller"));
  }
  absl::StatusOr<PreparedRequest> prepared =
      Prepare(request, deadline, backend.info, backend.tokenizer);
  if (!prepared.ok()) return prepared;
  prepared->generation.caller = caller;
  prepared->generation.permit = std::move(permit);
  prepared->open = std::move(open);
  if (of_tenant->tenant() != nullptr) {
    prepared->generation.cache_salt = of_tenant->tenant()->CacheSalt(request.cache.salt);
  }
  prepared->tenant = *std::move(of_tenant);
  if (absl::Status status = AddConstraint(request, backend.constraints, *prepared); !status.ok()) {
    return status;
  }
  return prepared;
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
  serving.environment().observer.OnAdmitted({.method = method,
                                             .tenant = tenant.get(),
                                             .request_id = prepared->generation.id,
                                             .text = request.text.value_or("")});
  return prepared;
}

}  // namespace cascade::server
