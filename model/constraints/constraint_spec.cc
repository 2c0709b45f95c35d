// SPDX-License-Identifier: Apache-2.0

#include "model/constraints/constraint_spec.h"

#include "absl/status/status.h"
#include "model/constraints/ebnf/ebnf.h"
#include "model/constraints/json/json_schema.h"
#include "model/constraints/regex/regex.h"

namespace cascade::model {
namespace {

absl::StatusOr<Grammar> GrammarOfRegex(const std::string& pattern) {
  Grammar grammar;
  const absl::StatusOr<Grammar::Expression> expression = AddRegex(pattern, grammar);
  if (!expression.ok()) return expression.status();
  grammar.SetStart(*expression);
  return grammar;
}

Grammar GrammarOfChoices(const std::vector<std::string>& choices) {
  Grammar grammar;
  std::vector<Grammar::Expression> alternatives;
  for (const std::string& choice : choices) alternatives.push_back(grammar.Literal(choice));
  grammar.SetStart(grammar.Choice(alternatives));
  return grammar;
}

}  // namespace

absl::StatusOr<Grammar> GrammarOf(const ConstraintSpec& spec) {
  switch (spec.kind) {
    case ConstraintSpec::Kind::kRegex:
      return GrammarOfRegex(spec.text);
    case ConstraintSpec::Kind::kJsonSchema:
      return GrammarOfJsonSchema(spec.text);
    case ConstraintSpec::Kind::kJsonObject:
      return GrammarOfAnyJsonObject();
    case ConstraintSpec::Kind::kChoice:
      return GrammarOfChoices(spec.choices);
    case ConstraintSpec::Kind::kGrammar:
      return GrammarOfEbnf(spec.text);
  }
  return absl::InvalidArgumentError("not a kind of constraint");
}

}  // namespace cascade::model
