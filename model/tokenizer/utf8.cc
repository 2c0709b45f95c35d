// SPDX-License-Identifier: Apache-2.0

#include "model/tokenizer/utf8.h"

#include <cassert>
#include <cstring>

namespace cascade::model {
namespace {

// What may follow a first byte: `length` bytes in all, the second within [low, high], the others
// within [0x80, 0xbf]. Length 0: no character begins with this byte.
struct Lead {
  std::size_t length;
  unsigned char low;
  unsigned char high;
};

Lead LeadOf(unsigned char byte) {
  if (byte < 0x80) return {1, 0, 0};
  if (byte < 0xc2) return {0, 0, 0};
  if (byte < 0xe0) return {2, 0x80, 0xbf};
  if (byte == 0xe0) return {3, 0xa0, 0xbf};  // below: overlong
  if (byte == 0xed) return {3, 0x80, 0x9f};  // above: surrogates
  if (byte < 0xf0) return {3, 0x80, 0xbf};
  if (byte == 0xf0) return {4, 0x90, 0xbf};  // below: overlong
  if (byte < 0xf4) return {4, 0x80, 0xbf};
  if (byte == 0xf4) return {4, 0x80, 0x8f};  // above: beyond U+10FFFF
  return {0, 0, 0};
}

}  // namespace

Utf8Piece FirstUtf8Piece(absl::string_view bytes) {
  assert(!bytes.empty());
  const Lead lead = LeadOf(static_cast<unsigned char>(bytes[0]));
  if (lead.length == 0) return {Utf8Kind::kIllFormed, 1};
  unsigned char low = lead.low;
  unsigned char high = lead.high;
  for (std::size_t i = 1; i < lead.length; ++i) {
    if (i == bytes.size()) return {Utf8Kind::kIncomplete, i};
    const auto byte = static_cast<unsigned char>(bytes[i]);
    if (byte < low || byte > high) return {Utf8Kind::kIllFormed, i};
    low = 0x80;
    high = 0xbf;
  }
  return {Utf8Kind::kCharacter, lead.length};
}

std::size_t AsciiPrefixLength(absl::string_view bytes) {
  constexpr std::uint64_t kHighBits = 0x8080808080808080;
  std::size_t i = 0;
  for (; i + sizeof(std::uint64_t) <= bytes.size(); i += sizeof(std::uint64_t)) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, bytes.data() + i, sizeof eight);
    if ((eight & kHighBits) != 0) break;
  }
  while (i < bytes.size() && static_cast<unsigned char>(bytes[i]) < 0x80) ++i;
  return i;
}

}  // namespace cascade::model
