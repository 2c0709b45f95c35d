// SPDX-License-Identifier: Apache-2.0
// The way of a request into the server.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "grpcpp/server_context.h"
#include "server/grpc/call/call_observer.h"
#include "server/grpc/request/batch_preparation.h"
#include "server/grpc/request/batch_request.h"
#include "server/grpc/request/preparation.h"
#include "server/grpc/request/text_request.h"
#include "server/grpc/request/violations.h"

namespace cascade::server {

class Serving;
class Tenant;

// Validates, admits and prepares one request, and takes its places. What costs least comes first: a
// refusal under load must be cheap, and tokenizing is not. `violations` has what the dialect found
// wrong when it made `request` from its message. A request without an id takes the one of the
// call's metadata, if it has one (call/correlation.h). `tenant` is who calls, or null; its limits
// and its part of the prefix cache are then the request's.
//
// UNAVAILABLE if requests are not welcome; INVALID_ARGUMENT with all violations;
// RESOURCE_EXHAUSTED if there is no place; or what Prepare says. The observer of calls has heard of
// a refusal already, under `method`.
absl::StatusOr<PreparedRequest> Admit(const Serving& serving, const MethodName& method,
                                      const grpc::CallbackServerContext& context,
                                      std::shared_ptr<Tenant> tenant, TextRequest request,
                                      Violations violations);

// The same for a request that runs many prompts and generates nothing. It takes few places, however
// many prompts it has: at least one, and up to kMostRequestsAtOnce or half of --max_running. It
// counts as one of its tenant's requests, and as one answer.
template <typename Request>
absl::StatusOr<PreparedBatch> AdmitBatch(const Serving& serving, const MethodName& method,
                                         const grpc::CallbackServerContext& context,
                                         std::shared_ptr<Tenant> tenant, Request request,
                                         Violations violations);

extern template absl::StatusOr<PreparedBatch> AdmitBatch(const Serving&, const MethodName&,
                                                         const grpc::CallbackServerContext&,
                                                         std::shared_ptr<Tenant>, EmbeddingRequest,
                                                         Violations);
extern template absl::StatusOr<PreparedBatch> AdmitBatch(const Serving&, const MethodName&,
                                                         const grpc::CallbackServerContext&,
                                                         std::shared_ptr<Tenant>, ScoringRequest,
                                                         Violations);

}  // namespace cascade::server
