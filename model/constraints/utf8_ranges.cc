// SPDX-License-Identifier: Apache-2.0

#include "model/constraints/utf8_ranges.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <utility>

#include "model/constraints/utf8.h"

namespace cascade::model {
namespace {

constexpr char32_t kBeforeSurrogates = 0xD7FF;
constexpr char32_t kAfterSurrogates = 0xE000;
constexpr std::array<char32_t, 4> kLastOfLength = {0x7F, 0x7FF, 0xFFFF, kLastCodePoint};

ByteSet ByteRange(char first, char last) {
  const std::size_t from = static_cast<unsigned char>(first);
  const std::size_t to = static_cast<unsigned char>(last);
  return (~ByteSet() >> (ByteSet().size() - 1 - (to - from))) << from;
}

// Splits a range whose ends have equally many bytes until each part's bytes are independent: where
// the ends differ before their last bytes, those must go over their whole range.
void Split(char32_t first, char32_t last, std::vector<Utf8Sequence>& sequences) {
  for (int shift = 6; shift <= 18; shift += 6) {
    const char32_t low_bits = (char32_t{1} << shift) - 1;
    if ((first & ~low_bits) == (last & ~low_bits)) break;
    if ((first & low_bits) != 0) {
      Split(first, first | low_bits, sequences);
      Split((first | low_bits) + 1, last, sequences);
      return;
    }
    if ((last & low_bits) != low_bits) {
      Split(first, (last & ~low_bits) - 1, sequences);
      Split(last & ~low_bits, last, sequences);
      return;
    }
  }
  const std::string first_bytes = EncodeUtf8(first);
  const std::string last_bytes = EncodeUtf8(last);
  Utf8Sequence sequence;
  for (std::size_t i = 0; i < first_bytes.size(); ++i) {
    sequence.push_back(ByteRange(first_bytes[i], last_bytes[i]));
  }
  sequences.push_back(std::move(sequence));
}

// Cuts `range` where the number of bytes changes.
void SplitByLength(CodePointRange range, std::vector<Utf8Sequence>& sequences) {
  for (const char32_t last : kLastOfLength) {
    if (range.first > last) continue;
    Split(range.first, std::min(range.last, last), sequences);
    if (range.last <= last) return;
    range.first = last + 1;
  }
}

}  // namespace

std::vector<CodePointRange> Normalized(std::span<const CodePointRange> ranges) {
  std::vector<CodePointRange> sorted;
  for (const CodePointRange& range : ranges) {
    const char32_t last = std::min(range.last, kLastCodePoint);
    if (range.first > last) continue;
    if (range.first <= kBeforeSurrogates) {
      sorted.push_back({range.first, std::min(last, kBeforeSurrogates)});
    }
    if (last >= kAfterSurrogates) sorted.push_back({std::max(range.first, kAfterSurrogates), last});
  }
  std::ranges::sort(sorted, {}, &CodePointRange::first);
  std::vector<CodePointRange> normalized;
  for (const CodePointRange& range : sorted) {
    if (!normalized.empty() && range.first <= normalized.back().last + 1) {
      normalized.back().last = std::max(normalized.back().last, range.last);
    } else {
      normalized.push_back(range);
    }
  }
  return normalized;
}

std::vector<CodePointRange> Complement(std::span<const CodePointRange> ranges) {
  std::vector<CodePointRange> complement;
  char32_t next = 0;
  for (const CodePointRange& range : Normalized(ranges)) {
    if (range.first > next) complement.push_back({next, range.first - 1});
    next = range.last + 1;
  }
  if (next <= kLastCodePoint) complement.push_back({next, kLastCodePoint});
  return Normalized(complement);
}

std::vector<Utf8Sequence> Utf8Sequences(std::span<const CodePointRange> ranges) {
  std::vector<Utf8Sequence> sequences;
  ByteSet ascii;
  for (const CodePointRange& range : Normalized(ranges)) {
    if (range.first <= 0x7F) {
      ascii |= ByteRange(static_cast<char>(range.first),
                         static_cast<char>(std::min<char32_t>(range.last, 0x7F)));
    }
    if (range.last > 0x7F) {
      SplitByLength({std::max<char32_t>(range.first, 0x80), range.last}, sequences);
    }
  }
  if (ascii.any()) sequences.insert(sequences.begin(), Utf8Sequence{ascii});
  return sequences;
}

}  // namespace cascade::model
