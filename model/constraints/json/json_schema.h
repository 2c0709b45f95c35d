// SPDX-License-Identifier: Apache-2.0
// JSON Schemas as grammars of the texts that satisfy them.
#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/constraints/grammar.h"

namespace cascade::model {

// The texts that a JSON Schema (draft 2020-12 or 7) allows, written as Python's json.dumps(value,
// ensure_ascii=False) separates them: ", " and ": " and no other white space. Each of them is valid
// for the schema; not each valid value has a text among them:
//
//   - an object has its properties in the order in which the schema names them, and others only
//     where additionalProperties is given, or no property is named;
//   - an array that has prefixItems has no others unless items is given, too;
//   - a schema without type is about those that its keywords are about;
//   - numbers and some formats have bounds (JsonGrammar, AddNumbers, AddStrings).
//
// INVALID_ARGUMENT names the JSON pointer of what is not supported, and what is; of what nothing
// satisfies; and of what is not a schema. A schema is refused rather than followed in part.
absl::StatusOr<Grammar> GrammarOfJsonSchema(absl::string_view schema);

// Any object of JSON, written so.
Grammar GrammarOfAnyJsonObject();

}  // namespace cascade::model
