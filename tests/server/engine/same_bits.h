// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "gtest/gtest.h"
#include "model/generation/decoding.h"
#include "tests/server/engine/recording_sink.h"

namespace cascade::testing {

inline std::uint32_t Bits(float value) { return std::bit_cast<std::uint32_t>(value); }

inline bool SameCandidates(const std::vector<model::TokenLogProb>& got,
                           const std::vector<model::TokenLogProb>& expected) {
  bool same = got.size() == expected.size();
  for (std::size_t i = 0; same && i < got.size(); ++i) {
    same = got[i].token == expected[i].token && Bits(got[i].log_prob) == Bits(expected[i].log_prob);
  }
  return same;
}

// Whether `token` is `expected` and its log-probabilities are, to the last bit.
inline ::testing::AssertionResult HasBitsOf(const model::GeneratedToken& token,
                                            const model::GeneratedToken& expected) {
  if (token.id != expected.id) {
    return ::testing::AssertionFailure() << token.id << " instead of " << expected.id;
  }
  if (token.log_probs.has_value() != expected.log_probs.has_value()) {
    return ::testing::AssertionFailure() << "log-probabilities are there once and once not";
  }
  if (!token.log_probs) return ::testing::AssertionSuccess();
  const auto& got = *token.log_probs;
  const auto& want = *expected.log_probs;
  const bool same = Bits(got.chosen) == Bits(want.chosen) && got.rank == want.rank &&
                    got.raw.has_value() == want.raw.has_value() &&
                    Bits(got.raw.value_or(0)) == Bits(want.raw.value_or(0)) &&
                    SameCandidates(got.candidates, want.candidates) &&
                    SameCandidates(got.given, want.given);
  if (same) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "the log-probabilities differ";
}

// Whether `tokens` are the beginning of `expected`, to the last bit.
inline ::testing::AssertionResult BeginWithBitsOf(
    const std::vector<model::GeneratedToken>& tokens,
    const std::vector<model::GeneratedToken>& expected) {
  if (tokens.size() > expected.size()) {
    return ::testing::AssertionFailure() << tokens.size() << " tokens, not " << expected.size();
  }
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const ::testing::AssertionResult same = HasBitsOf(tokens[i], expected[i]);
    if (!same) return ::testing::AssertionFailure() << "token " << i << ": " << same.message();
  }
  return ::testing::AssertionSuccess();
}

// Whether two lists of floats are the same, to the last bit.
inline ::testing::AssertionResult SameFloats(const std::vector<float>& got,
                                             const std::vector<float>& expected) {
  if (got.size() != expected.size()) {
    return ::testing::AssertionFailure() << got.size() << " floats, not " << expected.size();
  }
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (Bits(got[i]) == Bits(expected[i])) continue;
    return ::testing::AssertionFailure()
           << "float " << i << " is " << got[i] << ", not " << expected[i];
  }
  return ::testing::AssertionSuccess();
}

// Whether two requests that came to their own end came to the same one.
inline ::testing::AssertionResult SameResult(const SinkRecord& got, const SinkRecord& expected) {
  if (!got.end || !got.end->ok()) return ::testing::AssertionFailure() << "it did not finish well";
  if (got.finish.has_value() != expected.finish.has_value()) {
    return ::testing::AssertionFailure() << "one has generated, and the other has not";
  }
  if (got.tokens.size() != expected.tokens.size() || got.text != expected.text ||
      (got.finish && (got.finish->reason != expected.finish->reason ||
                      got.finish->beam_score != expected.finish->beam_score))) {
    return ::testing::AssertionFailure()
           << got.tokens.size() << " tokens instead of " << expected.tokens.size() << ", or \""
           << got.text << "\" instead of \"" << expected.text << "\"";
  }
  if (got.prompt.size() != expected.prompt.size()) {
    return ::testing::AssertionFailure()
           << got.prompt.size() << " tokens of the prompt, not " << expected.prompt.size();
  }
  const ::testing::AssertionResult same_hidden = SameFloats(got.hidden, expected.hidden);
  if (!same_hidden) return same_hidden;
  const ::testing::AssertionResult same = BeginWithBitsOf(got.prompt, expected.prompt);
  if (!same) return ::testing::AssertionFailure() << "of the prompt: " << same.message();
  return BeginWithBitsOf(got.tokens, expected.tokens);
}

}  // namespace cascade::testing
