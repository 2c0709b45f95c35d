// SPDX-License-Identifier: Apache-2.0
// However bytes are cut, the stream gives the text that they give at once, and it is valid UTF-8.
//
// The first byte seeds the cutting; the rest are the bytes.
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>

#include "model/tokenizer/utf8.h"
#include "model/tokenizer/utf8_stream.h"
#include "tests/fuzz/fuzz.h"

namespace cascade::model {
namespace {

std::string DecodeInPieces(absl::string_view bytes, std::size_t longest, std::uint8_t seed) {
  std::minstd_rand generator(seed);
  Utf8Stream stream;
  std::string text;
  while (!bytes.empty()) {
    const absl::string_view piece = bytes.substr(0, generator() % (longest + 1));
    text += stream.Push(piece);
    bytes.remove_prefix(piece.size());
  }
  return text + stream.Flush();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const absl::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  Utf8Stream stream;
  std::string at_once = stream.Push(bytes);
  at_once += stream.Flush();
  for (const unsigned longest : {1U, 2U, 5U, 64U}) {
    FUZZ_EXPECT(DecodeInPieces(bytes, longest, data[0]) == at_once);
  }
  for (absl::string_view rest = at_once; !rest.empty();) {
    const auto [kind, length] = FirstUtf8Piece(rest);
    FUZZ_EXPECT(kind == Utf8Kind::kCharacter);
    rest.remove_prefix(length);
  }
  return 0;
}

}  // namespace cascade::model
