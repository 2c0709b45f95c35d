// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/request/logit_rules_validation.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/grpc/model_info.h"
#include "server/grpc/request/limits.h"
#include "server/grpc/request/violations.h"

namespace cascade::server {
namespace {

// Strings that are looked for in tokens or made of them.
void CheckStrings(absl::string_view path, std::span<const absl::string_view> strings,
                  const ModelInfo& info, Violations& violations) {
  if (!strings.empty() && !info.has_tokenizer) {
    violations.Add(path,
                   "must be empty: this server has no tokenizer (--tokenizer=none), so tokens have "
                   "no text; banned_sequences and banned work");
  }
  for (std::size_t i = 0; i < strings.size(); ++i) {
    const std::size_t size = strings[i].size();
    if (size == 0) violations.Add(Element(path, i), "must not be empty");
    CheckCount(Element(path, i), size, kMaxStopStringBytes, "bytes", violations);
  }
}

void CheckDry(const TextRequest::Dry& dry, const ModelInfo& info, Violations& violations) {
  const float multiplier = dry.multiplier;
  CheckRange("penalties.dry.multiplier", multiplier,
             multiplier >= 0.0F && multiplier <= kMaxDryMultiplier,
             absl::StrCat("[0, ", kMaxDryMultiplier, "]"), violations);
  const float base = dry.base.value_or(1.0F);
  CheckRange("penalties.dry.base", base, base >= 1.0F && base <= kMaxDryBase,
             absl::StrCat("[1, ", kMaxDryBase, "]"), violations);
  if (dry.allowed_length == 0U) {
    violations.Add("penalties.dry.allowed_length", "is 0; must be at least 1");
  }
  CheckCount("penalties.dry.breakers", dry.breakers.size(), kMaxDryBreakers, "strings", violations);
  if (dry.breakers.size() > kMaxDryBreakers) return;
  CheckStrings("penalties.dry.breakers", dry.breakers, info, violations);
}

void CheckBias(const std::vector<model::TokenBias>& bias, const ModelInfo& info,
               Violations& violations) {
  constexpr absl::string_view kPath = "token_rules.bias";
  CheckCount(kPath, bias.size(), kMaxTokenRules, "tokens", violations);
  // Of many that are wrong, the first is enough.
  const std::size_t vocab_size = info.config.vocab_size;
  const auto beyond = std::ranges::find_if(
      bias, [vocab_size](const model::TokenBias& each) { return each.token >= vocab_size; });
  if (beyond != bias.end()) {
    violations.Add(Element(kPath, beyond->token),
                   absl::StrCat("is no token; ids must be below vocab_size, ", vocab_size));
  }
  const auto too_large = std::ranges::find_if_not(
      bias, [](const model::TokenBias& each) { return std::abs(each.bias) <= kMaxLogitBias; });
  if (too_large != bias.end()) {
    CheckRange(Element(kPath, too_large->token), too_large->bias, false,
               absl::StrCat("[-", kMaxLogitBias, ", ", kMaxLogitBias, "]"), violations);
  }
}

void CheckIds(absl::string_view path, std::span<const model::TokenId> ids, const ModelInfo& info,
              Violations& violations) {
  CheckCount(path, ids.size(), kMaxTokenRules, "ids", violations);
  CheckTokenIds(path, ids, info, violations);
}

void CheckBannedTexts(const TextRequest::TokenRules& rules, const ModelInfo& info,
                      Violations& violations) {
  const std::size_t count = rules.banned_words.size() + rules.banned_sequences.size();
  if (count > kMaxBannedWords) {
    CheckCount("token_rules.banned_words", count, kMaxBannedWords, "words, with banned_sequences",
               violations);
    return;
  }
  CheckStrings("token_rules.banned_words", rules.banned_words, info, violations);
  for (std::size_t i = 0; i < rules.banned_sequences.size(); ++i) {
    const std::string path = Element("token_rules.banned_sequences", i);
    const std::span<const model::TokenId> sequence = rules.banned_sequences[i];
    if (sequence.empty()) violations.Add(path, "must have at least one token");
    CheckCount(path, sequence.size(), kMaxBannedSequenceTokens, "ids", violations);
    CheckTokenIds(absl::StrCat(path, ".ids"), sequence, info, violations);
  }
}

}  // namespace

void CheckPenalties(const TextRequest::Penalties& penalties, const ModelInfo& info,
                    Violations& violations) {
  const float repetition = penalties.repetition.value_or(1.0F);
  CheckRange("penalties.repetition", repetition,
             repetition > 0.0F && repetition <= kMaxRepetitionPenalty,
             absl::StrCat("(0, ", kMaxRepetitionPenalty, "]"), violations);
  const auto check = [&violations](absl::string_view path, float value) {
    CheckRange(path, value, std::abs(value) <= kMaxPresencePenalty,
               absl::StrCat("[-", kMaxPresencePenalty, ", ", kMaxPresencePenalty, "]"), violations);
  };
  check("penalties.presence", penalties.presence);
  check("penalties.frequency", penalties.frequency);
  CheckDry(penalties.dry, info, violations);
}

void CheckTokenRules(const TextRequest::TokenRules& rules, const ModelInfo& info,
                     Violations& violations) {
  CheckBias(rules.bias, info, violations);
  CheckIds("token_rules.allowed", rules.allowed, info, violations);
  CheckIds("token_rules.banned", rules.banned, info, violations);
  CheckBannedTexts(rules, info, violations);
}

}  // namespace cascade::server
