// SPDX-License-Identifier: Apache-2.0
// Limits of a request's size. GetModel reports them.
#pragma once

#include <cstddef>

namespace cascade::server {

inline constexpr std::size_t kMaxTextBytes = 1 << 19;
inline constexpr std::size_t kMaxStopStrings = 16;
inline constexpr std::size_t kMaxStopStringBytes = 256;
inline constexpr std::size_t kMaxStopTokenIds = 64;
inline constexpr std::size_t kMaxCandidates = 20;
inline constexpr std::size_t kMaxStreamInterval = 1024;  // tokens
inline constexpr std::size_t kMaxCacheSaltBytes = 128;
inline constexpr std::size_t kMaxTokenRules = 1 << 16;  // of each kind
inline constexpr std::size_t kMaxBannedWords = 64;      // and sequences, together
inline constexpr std::size_t kMaxBannedSequenceTokens = 64;
inline constexpr std::size_t kMaxDryBreakers = 16;
inline constexpr std::size_t kMaxConstraintBytes = 1 << 16;  // of a pattern, schema or grammar
inline constexpr std::size_t kMaxConstraintChoices = 1024;
inline constexpr std::size_t kMaxAbortedRequests = 1024;  // of one call of Abort
inline constexpr std::size_t kMaxEmbedInputs = 1024;
inline constexpr std::size_t kMaxEmbedValues = 1 << 22;  // numbers in one answer: 16 MiB
inline constexpr std::size_t kMaxScoreContinuations = 1024;
inline constexpr std::size_t kMostRequestsAtOnce = 8;  // of one call, at the worker
inline constexpr int kMinPriority = -10;  // the highest is the operator's: ModelInfo::max_priority
inline constexpr float kMaxTemperature = 100.0F;
inline constexpr float kMaxSigma = 100.0F;
inline constexpr float kMaxRepetitionPenalty = 100.0F;
inline constexpr float kMaxPresencePenalty = 2.0F;  // and frequency penalty, either way
inline constexpr float kMaxLogitBias = 100.0F;      // either way
inline constexpr float kMaxDryMultiplier = 100.0F;
inline constexpr float kMaxDryBase = 100.0F;
inline constexpr float kMaxLengthFactor = 10.0F;
inline constexpr float kMaxLengthPenalty = 10.0F;  // of beams, either way
inline constexpr float kMaxDiversityPenalty = 100.0F;

}  // namespace cascade::server
