// SPDX-License-Identifier: Apache-2.0

#include "tests/determinism/digest.h"

#include <xxhash.h>

#include <cstddef>
#include <cstdint>

#include "absl/strings/str_cat.h"

namespace cascade::testing {
namespace {

void AppendWord(std::size_t value, std::string& bytes) {
  const auto word = static_cast<std::uint32_t>(value);
  for (int shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<char>(word >> shift));
}

// In the place of the next answer's length: more of this one comes.
constexpr std::uint32_t kNoLength = 0xFFFFFFFF;

// Every list after its length, so that no two answers have the same bytes.
void Append(const Answer& answer, std::string& bytes) {
  AppendWord(answer.tokens.size(), bytes);
  for (const model::TokenId token : answer.tokens) AppendWord(token, bytes);
  AppendWord(answer.log_prob_bits.size(), bytes);
  for (const std::uint32_t bits : answer.log_prob_bits) AppendWord(bits, bytes);
  AppendWord(answer.text.size(), bytes);
  bytes += answer.text;
  AppendWord(static_cast<std::size_t>(answer.reason), bytes);
  if (answer.prompt_bits.empty()) return;
  AppendWord(kNoLength, bytes);
  AppendWord(answer.prompt_bits.size(), bytes);
  for (const std::uint32_t bits : answer.prompt_bits) AppendWord(bits, bytes);
}

}  // namespace

std::string DigestOf(std::span<const Answer> answers) {
  std::string bytes;
  for (const Answer& answer : answers) Append(answer, bytes);
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return absl::StrCat(absl::Hex(hash.high64, absl::kZeroPad16),
                      absl::Hex(hash.low64, absl::kZeroPad16));
}

}  // namespace cascade::testing
