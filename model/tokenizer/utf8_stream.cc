// SPDX-License-Identifier: Apache-2.0

#include "model/tokenizer/utf8_stream.h"

#include "model/tokenizer/utf8.h"

namespace cascade::model {
namespace {

constexpr absl::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

// Appends the text of `bytes` to `text` and returns the incomplete character at the end, if any.
absl::string_view Decode(absl::string_view bytes, std::string& text) {
  while (!bytes.empty()) {
    const std::size_t ascii = AsciiPrefixLength(bytes);
    text.append(bytes.data(), ascii);
    bytes.remove_prefix(ascii);
    if (bytes.empty()) break;
    const Utf8Piece piece = FirstUtf8Piece(bytes);
    if (piece.kind == Utf8Kind::kIncomplete) break;
    const absl::string_view shown =
        piece.kind == Utf8Kind::kCharacter ? bytes.substr(0, piece.length) : kReplacement;
    text.append(shown.data(), shown.size());
    bytes.remove_prefix(piece.length);
  }
  return bytes;
}

}  // namespace

std::string Utf8Stream::Push(absl::string_view bytes) {
  std::string text;
  if (held_.empty()) {  // the usual case: nothing to join, nothing to copy
    text.reserve(bytes.size());
    const absl::string_view rest = Decode(bytes, text);
    held_.assign(rest.data(), rest.size());
    return text;
  }
  std::string joined = std::move(held_);
  joined.append(bytes.data(), bytes.size());
  const absl::string_view rest = Decode(joined, text);
  held_.assign(rest.data(), rest.size());
  return text;
}

std::string Utf8Stream::Flush() {
  const bool incomplete = !held_.empty();
  held_.clear();
  return incomplete ? std::string(kReplacement) : std::string();
}

}  // namespace cascade::model
