// SPDX-License-Identifier: Apache-2.0
// Any text gives a grammar of JSON, or one refusal that says why.
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "model/constraints/grammar_facts.h"
#include "model/constraints/json/json_schema.h"
#include "model/constraints/json/ordered_json.h"
#include "tests/fuzz/fuzz.h"
#include "tests/model/constraints/grammar_matcher.h"

namespace cascade::model {
namespace {

constexpr std::size_t kMaxNodes = 2'000'000;
constexpr std::size_t kSampledNodes = 20'000;
constexpr std::size_t kMatchedLength = 200;

void Translate(absl::string_view schema) {
  const absl::StatusOr<Grammar> grammar = GrammarOfJsonSchema(schema);
  if (!grammar.ok()) {
    FUZZ_EXPECT(absl::IsInvalidArgument(grammar.status()));
    FUZZ_EXPECT(!grammar.status().message().empty());
    FUZZ_EXPECT(grammar.status().message().size() < 2000);
    return;
  }
  FUZZ_EXPECT(grammar->size() < kMaxNodes);
  // A rule that begins with itself, or recursion without end, is refused here.
  const GrammarFacts facts(*grammar);
  if (!facts.status().ok() || !facts.HasTexts(grammar->start())) return;
  if (grammar->size() > kSampledNodes) return;
  std::mt19937 random(static_cast<std::mt19937::result_type>(schema.size()));
  const std::string text = testing::Sample(*grammar, random);
  if (text.size() > kMatchedLength) return;
  // Of an object, only that it is one of the grammar: the same additional key may come twice.
  FUZZ_EXPECT(ParseOrderedJson("[" + text + "]").ok() || absl::StrContains(text, "\": "));
  FUZZ_EXPECT(testing::Matches(*grammar, text));
}

}  // namespace
}  // namespace cascade::model

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  cascade::model::Translate({reinterpret_cast<const char*>(data), size});
  return 0;
}
