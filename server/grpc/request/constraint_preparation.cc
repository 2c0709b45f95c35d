// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/request/constraint_preparation.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/constraints/constraint.h"
#include "model/constraints/constraint_spec.h"
#include "server/grpc/request/constraint_cache.h"
#include "server/grpc/request/constraint_validation.h"
#include "server/grpc/request/preparation.h"
#include "server/grpc/request/text_request.h"
#include "server/grpc/request/violations.h"

namespace cascade::server {

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

}  // namespace cascade::server
