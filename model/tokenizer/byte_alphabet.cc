// SPDX-License-Identifier: Apache-2.0

#include "model/tokenizer/byte_alphabet.h"

#include <array>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "model/tokenizer/utf8.h"

namespace cascade::model {
namespace {

constexpr std::size_t kLastCharacter = 0x143;  // 256 + the 68 bytes that are not printable, less 1

constexpr bool StandsForItself(std::size_t byte) {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}

struct Alphabet {
  std::array<std::uint16_t, 256> character{};              // by byte
  std::array<std::int16_t, kLastCharacter + 1> byte_of{};  // by character; -1: none
};

constexpr Alphabet MakeAlphabet() {
  Alphabet alphabet;
  alphabet.byte_of.fill(-1);
  std::size_t next = 0x100;
  for (std::size_t byte = 0; byte < 256; ++byte) {
    const std::size_t character = StandsForItself(byte) ? byte : next++;
    alphabet.character[byte] = static_cast<std::uint16_t>(character);
    alphabet.byte_of[character] = static_cast<std::int16_t>(byte);
  }
  return alphabet;
}

constexpr Alphabet kAlphabet = MakeAlphabet();

// The code point of a well-formed character; only one or two bytes long matter here, since every
// character of the alphabet is below U+0800. Longer ones give a number that is not in it.
std::size_t CodePoint(absl::string_view character) {
  const auto first = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return first;
  if (character.size() > 2) return kLastCharacter + 1;
  return (first & 0x1fU) << 6 | (static_cast<unsigned char>(character[1]) & 0x3fU);
}

}  // namespace

absl::StatusOr<std::string> BytesFromAlphabet(absl::string_view written) {
  std::string bytes;
  bytes.reserve(written.size());
  while (!written.empty()) {
    const Utf8Piece piece = FirstUtf8Piece(written);
    const absl::string_view character = written.substr(0, piece.length);
    if (piece.kind != Utf8Kind::kCharacter) {
      return absl::InvalidArgumentError(
          absl::StrFormat("byte 0x%02x is not UTF-8", static_cast<unsigned char>(character[0])));
    }
    const std::size_t code_point = CodePoint(character);
    if (code_point > kLastCharacter || kAlphabet.byte_of[code_point] < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("the character '", character, "' is not in GPT-2's byte alphabet"));
    }
    bytes.push_back(static_cast<char>(kAlphabet.byte_of[code_point]));
    written.remove_prefix(piece.length);
  }
  return bytes;
}

std::string BytesToAlphabet(absl::string_view bytes) {
  std::string written;
  for (const char byte : bytes) {
    const unsigned character = kAlphabet.character[static_cast<unsigned char>(byte)];
    if (character < 0x80) {
      written.push_back(static_cast<char>(character));
    } else {
      written.push_back(static_cast<char>(0xc0U | character >> 6));
      written.push_back(static_cast<char>(0x80U | (character & 0x3fU)));
    }
  }
  return written;
}

}  // namespace cascade::model
