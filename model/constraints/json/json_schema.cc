// SPDX-License-Identifier: Apache-2.0

#include "model/constraints/json/json_schema.h"

#include "absl/status/status.h"
#include "model/constraints/json/json_grammar.h"
#include "model/constraints/json/ordered_json.h"
#include "model/constraints/json/schema_translator.h"

namespace cascade::model {

absl::StatusOr<Grammar> GrammarOfJsonSchema(absl::string_view schema) {
  const absl::StatusOr<OrderedJson> root = ParseOrderedJson(schema);
  if (!root.ok()) return root.status();
  Grammar grammar;
  if (absl::Status status = SchemaTranslator(*root, grammar).Run(); !status.ok()) return status;
  return grammar;
}

Grammar GrammarOfAnyJsonObject() {
  Grammar grammar;
  grammar.SetStart(JsonGrammar(grammar).Object());
  return grammar;
}

}  // namespace cascade::model
