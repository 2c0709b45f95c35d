// SPDX-License-Identifier: Apache-2.0
// What fuzzers of constraints expect of the grammars that come of their texts.
#pragma once

#include <cstddef>
#include <optional>
#include <random>
#include <string>

#include "absl/status/statusor.h"
#include "model/constraints/grammar.h"
#include "model/constraints/grammar_facts.h"
#include "tests/fuzz/fuzz.h"
#include "tests/model/constraints/grammar_matcher.h"

namespace cascade::testing {

// A grammar that is not too large, or a refusal that can be read.
inline void CheckTranslation(const absl::StatusOr<model::Grammar>& grammar) {
  constexpr std::size_t kMaxNodes = 2'000'000;
  constexpr std::size_t kMaxMessage = 2000;
  if (grammar.ok()) {
    FUZZ_EXPECT(grammar->size() < kMaxNodes);
    return;
  }
  FUZZ_EXPECT(absl::IsInvalidArgument(grammar.status()));
  FUZZ_EXPECT(!grammar.status().message().empty());
  FUZZ_EXPECT(grammar.status().message().size() < kMaxMessage);
}

// A random text of `grammar`, which must match it. None if it has none, or only long ones.
inline std::optional<std::string> CheckSample(const model::Grammar& grammar, std::size_t seed) {
  constexpr std::size_t kSampledNodes = 20'000;
  constexpr std::size_t kMatchedLength = 200;
  // A rule that begins with itself, or recursion without end, is refused here.
  const model::GrammarFacts facts(grammar);
  if (!facts.status().ok() || !facts.HasTexts(grammar.start())) return std::nullopt;
  if (grammar.size() > kSampledNodes) return std::nullopt;
  std::mt19937 random(static_cast<std::mt19937::result_type>(seed));
  std::string text = Sample(grammar, random);
  if (text.size() > kMatchedLength) return std::nullopt;
  FUZZ_EXPECT(Matches(grammar, text));
  return text;
}

}  // namespace cascade::testing
