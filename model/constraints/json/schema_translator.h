// SPDX-License-Identifier: Apache-2.0
// Writes the texts that a JSON Schema allows as expressions of a grammar.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "model/constraints/grammar.h"
#include "model/constraints/json/json_grammar.h"
#include "model/constraints/json/merged_schema.h"
#include "model/constraints/json/schema_exclusion.h"

namespace cascade::model {

class SchemaTranslator {
 public:
  // Both must outlive it.
  SchemaTranslator(const OrderedJson& root, Grammar& grammar)
      : document_(root), grammar_(grammar), json_(grammar), exclusion_(document_) {}

  // Translates the whole document, and sets the grammar's start. Call once.
  absl::Status Run();

 private:
  using Expression = Grammar::Expression;

  // The values for which all of `schemas` hold.
  absl::StatusOr<Expression> Translate(std::span<const SchemaPlace> schemas);
  absl::StatusOr<Expression> TranslateMerged(MergedSchema schema);
  absl::StatusOr<Expression> RuleOf(MergedSchema schema);
  absl::StatusOr<Expression> Body(const MergedSchema& schema);

  absl::StatusOr<Expression> Alternatives(const MergedSchema& schema);
  absl::Status CheckExclusive(const std::vector<MergedSchema>& chosen, const SchemaPlace& list);

  absl::StatusOr<Expression> Values(const MergedSchema& schema);
  absl::StatusOr<Expression> Strings(const MergedSchema& schema);
  absl::StatusOr<Expression> Numbers(const MergedSchema& schema);
  absl::StatusOr<Expression> Arrays(const MergedSchema& schema);
  absl::StatusOr<Expression> ArraysOf(const std::vector<Expression>& elements,
                                      const std::vector<SchemaPlace>& others, CountRange counts);
  absl::StatusOr<Expression> Objects(const MergedSchema& schema);
  // Counts work. INVALID_ARGUMENT if it or the grammar is too much.
  absl::Status Spend(std::size_t work, const SchemaPlace& place);

  SchemaDocument document_;
  Grammar& grammar_;
  JsonGrammar json_;
  SchemaExclusion exclusion_;
  std::map<std::vector<const OrderedJson*>, Grammar::Rule> rules_;  // by the schemas merged
  std::vector<std::pair<Grammar::Rule, MergedSchema>> pending_;     // rules without a body yet
};

}  // namespace cascade::model
