// SPDX-License-Identifier: Apache-2.0

#include "model/constraints/utf8.h"

#include <cstddef>

namespace cascade::model {
namespace {

// Bytes of a character by its first byte; 0: none begins with it.
std::size_t LengthFromFirst(unsigned char byte) {
  if (byte < 0x80) return 1;
  if (byte < 0xC2) return 0;
  if (byte < 0xE0) return 2;
  if (byte < 0xF0) return 3;
  return byte < 0xF5 ? 4 : 0;
}

bool IsCharacter(char32_t character, std::size_t length) {
  if (length == 3) return character >= 0x800 && (character < 0xD800 || character > 0xDFFF);
  if (length == 4) return character >= 0x10000 && character <= 0x10FFFF;
  return true;
}

}  // namespace

std::optional<std::u32string> DecodeUtf8(absl::string_view text) {
  std::u32string characters;
  while (!text.empty()) {
    const auto first = static_cast<unsigned char>(text.front());
    const std::size_t length = LengthFromFirst(first);
    if (length == 0 || length > text.size()) return std::nullopt;
    char32_t character = length == 1 ? first : first & (0x7FU >> length);
    for (const char c : text.substr(1, length - 1)) {
      const auto byte = static_cast<unsigned char>(c);
      if ((byte & 0xC0) != 0x80) return std::nullopt;
      character = (character << 6) | (byte & 0x3FU);
    }
    if (!IsCharacter(character, length)) return std::nullopt;
    characters.push_back(character);
    text.remove_prefix(length);
  }
  return characters;
}

std::string EncodeUtf8(char32_t character) {
  const auto byte = [](char32_t bits) {
    return static_cast<char>(static_cast<unsigned char>(bits));
  };
  const auto tail = [&](int shift) { return byte(0x80U | ((character >> shift) & 0x3FU)); };
  if (character <= 0x7F) return {byte(character)};
  if (character <= 0x7FF) return {byte(0xC0U | (character >> 6)), tail(0)};
  if (character <= 0xFFFF) return {byte(0xE0U | (character >> 12)), tail(6), tail(0)};
  return {byte(0xF0U | (character >> 18)), tail(12), tail(6), tail(0)};
}

}  // namespace cascade::model
