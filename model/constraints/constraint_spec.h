// SPDX-License-Identifier: Apache-2.0
// What a request says that its answer must be.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "model/constraints/grammar.h"

namespace cascade::model {

struct ConstraintSpec {
  enum class Kind : std::uint8_t {
    kRegex,       // a regular expression that the whole text matches (regex.h)
    kJsonSchema,  // JSON that a schema describes (json_schema.h)
    kJsonObject,  // any JSON object
    kChoice,      // one of several texts
    kGrammar,     // a text of a grammar, in GBNF or like Lark's (ebnf.h)
  };

  Kind kind = Kind::kRegex;
  std::string text;                  // the pattern, schema or grammar
  std::vector<std::string> choices;  // kChoice

  friend auto operator<=>(const ConstraintSpec&, const ConstraintSpec&) = default;
};

// Its texts. INVALID_ARGUMENT, which says where and what is wrong, as the translators do.
absl::StatusOr<Grammar> GrammarOf(const ConstraintSpec& spec);

}  // namespace cascade::model
