// SPDX-License-Identifier: Apache-2.0
// Any text gives a grammar, in either notation, or one refusal that says where and why.
#include <cstddef>
#include <cstdint>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "model/constraints/ebnf/ebnf.h"
#include "tests/fuzz/grammar_checks.h"

namespace cascade::model {
namespace {

void Translate(absl::string_view text) {
  const absl::StatusOr<Grammar> grammar = GrammarOfEbnf(text);
  testing::CheckTranslation(grammar);
  if (!grammar.ok()) return;
  for (std::uint32_t rule = 0; rule < grammar->rules(); ++rule) {
    FUZZ_EXPECT(grammar->is_defined({rule}));
  }
  // A count may ask for a long text.
  if (absl::StrContains(text, "{") || absl::StrContains(text, "~")) return;
  testing::CheckSample(*grammar, text.size());
}

}  // namespace
}  // namespace cascade::model

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  cascade::model::Translate({reinterpret_cast<const char*>(data), size});
  return 0;
}
