// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/request/constraint_validation.h"

#include <cstddef>

#include "absl/strings/str_cat.h"
#include "server/grpc/model_info.h"
#include "server/grpc/request/limits.h"

namespace cascade::server {
namespace {

using Kind = model::ConstraintSpec::Kind;

// The list's path in TextRequest; v1's message has the same.
constexpr absl::string_view kChoicePath = "constraint.choice.values";

void CheckChoices(const TextRequest::Constraint& constraint, Violations& violations) {
  const std::size_t count = constraint.choices.size();
  if (count == 0) violations.Add(kChoicePath, "must have at least one text");
  CheckCount(kChoicePath, count, kMaxConstraintChoices, "texts", violations);
  if (count > kMaxConstraintChoices) return;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < count; ++i) {
    bytes += constraint.choices[i].size();
    if (constraint.choices[i].empty()) {
      violations.Add(Element(kChoicePath, i), "must not be empty");
    }
  }
  if (bytes <= kMaxConstraintBytes) return;
  violations.Add(kChoicePath,
                 absl::StrCat("has ", bytes, " bytes; must have at most ", kMaxConstraintBytes));
}

}  // namespace

absl::string_view ConstraintPath(const TextRequest::Constraint& constraint) {
  switch (constraint.kind) {
    case Kind::kRegex:
      return "constraint.regex";
    case Kind::kJsonSchema:
      return "constraint.json_schema";
    case Kind::kJsonObject:
      return "constraint.json_object";
    case Kind::kChoice:
      return kChoicePath;
    case Kind::kGrammar:
      return "constraint.grammar";
  }
  return "constraint";
}

void CheckConstraint(const TextRequest::Constraint& constraint, const ModelInfo& info,
                     Violations& violations) {
  const absl::string_view path = ConstraintPath(constraint);
  if (!info.has_tokenizer) {
    violations.Add(path,
                   "must be left out: this server has no tokenizer (--tokenizer=none), so answers "
                   "have no text");
  }
  if (constraint.kind == Kind::kChoice) return CheckChoices(constraint, violations);
  if (constraint.kind == Kind::kJsonObject) return;
  if (constraint.text.empty()) violations.Add(path, "must not be empty");
  CheckCount(path, constraint.text.size(), kMaxConstraintBytes, "bytes", violations);
}

}  // namespace cascade::server
