// SPDX-License-Identifier: Apache-2.0

#include "server/tracing/trace_context.h"

#include <limits>

#include "absl/strings/escaping.h"

namespace cascade::server {
namespace {

// SplitMix64: a second number that looks random where the first is (Steele, Lea and Flood 2014).
std::uint64_t Mixed(std::uint64_t id) {
  id += 0x9E3779B97F4A7C15;
  id = (id ^ (id >> 30)) * 0xBF58476D1CE4E5B9;
  id = (id ^ (id >> 27)) * 0x94D049BB133111EB;
  return id ^ (id >> 31);
}

bool IsSampled(std::uint64_t random, double ratio) {
  constexpr double kRange = static_cast<double>(std::numeric_limits<std::uint64_t>::max());
  return ratio >= 1 || static_cast<double>(random) < ratio * kRange;
}

}  // namespace

std::string SpanId(std::uint64_t id) {
  std::string bytes;
  for (int shift = 56; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(id >> shift));
  return bytes;
}

TraceContext ContextOf(absl::string_view traceparent, std::uint64_t call_id, double sample_ratio) {
  if (traceparent.empty()) {
    // Not of the id itself: it is the span's.
    const std::uint64_t random = Mixed(call_id);
    return {.trace_id = SpanId(Mixed(random)) + SpanId(random),
            .parent_span_id = "",
            .sampled = IsSampled(random, sample_ratio)};
  }
  // "00-<32 digits of the trace>-<16 of the span>-<2 of the flags>"; flag 1 says sampled.
  const std::string flags = absl::HexStringToBytes(traceparent.substr(53, 2));
  return {.trace_id = absl::HexStringToBytes(traceparent.substr(3, 32)),
          .parent_span_id = absl::HexStringToBytes(traceparent.substr(36, 16)),
          .sampled = (static_cast<unsigned char>(flags[0]) & 1U) != 0};
}

}  // namespace cascade::server
