// SPDX-License-Identifier: Apache-2.0
// Any text gives a grammar, in either notation, or one refusal that says where and why.
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "model/constraints/ebnf/ebnf.h"
#include "model/constraints/grammar_facts.h"
#include "tests/fuzz/fuzz.h"
#include "tests/model/constraints/grammar_matcher.h"

namespace cascade::model {
namespace {

constexpr std::size_t kMaxNodes = 2'000'000;
constexpr std::size_t kSampledNodes = 20'000;
constexpr std::size_t kMatchedLength = 200;

void Translate(absl::string_view text) {
  const absl::StatusOr<Grammar> grammar = GrammarOfEbnf(text);
  if (!grammar.ok()) {
    FUZZ_EXPECT(absl::IsInvalidArgument(grammar.status()));
    FUZZ_EXPECT(!grammar.status().message().empty());
    return;
  }
  FUZZ_EXPECT(grammar->size() < kMaxNodes);
  for (std::uint32_t rule = 0; rule < grammar->rules(); ++rule) {
    FUZZ_EXPECT(grammar->is_defined({rule}));
  }
  const GrammarFacts facts(*grammar);
  if (!facts.status().ok() || !facts.HasTexts(grammar->start())) return;
  if (grammar->size() > kSampledNodes || absl::StrContains(text, "{") ||
      absl::StrContains(text, "~")) {
    return;  // a count may ask for a long text
  }
  std::mt19937 random(static_cast<std::mt19937::result_type>(text.size()));
  const std::string sample = testing::Sample(*grammar, random);
  if (sample.size() > kMatchedLength) return;
  FUZZ_EXPECT(testing::Matches(*grammar, sample));
}

}  // namespace
}  // namespace cascade::model

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  cascade::model::Translate({reinterpret_cast<const char*>(data), size});
  return 0;
}
