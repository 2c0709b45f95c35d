// SPDX-License-Identifier: Apache-2.0
// Any text gives a grammar of JSON, or one refusal that says why.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "model/constraints/json/json_schema.h"
#include "model/constraints/json/ordered_json.h"
#include "tests/fuzz/grammar_checks.h"

namespace cascade::model {
namespace {

void Translate(absl::string_view schema) {
  const absl::StatusOr<Grammar> grammar = GrammarOfJsonSchema(schema);
  testing::CheckTranslation(grammar);
  if (!grammar.ok()) return;
  const std::optional<std::string> text = testing::CheckSample(*grammar, schema.size());
  if (!text) return;
  // Of an object, only that it is one of the grammar: the same additional key may come twice.
  FUZZ_EXPECT(ParseOrderedJson("[" + *text + "]").ok() || absl::StrContains(*text, "\": "));
}

}  // namespace
}  // namespace cascade::model

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  cascade::model::Translate({reinterpret_cast<const char*>(data), size});
  return 0;
}
