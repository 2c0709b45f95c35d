// SPDX-License-Identifier: Apache-2.0

#include "model/tokenizer/normalizer.h"

#include <utf8proc.h>

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>

#include "absl/strings/str_cat.h"
#include "model/tokenizer/utf8.h"

namespace cascade::model {
namespace {

struct Free {
  void operator()(utf8proc_uint8_t* memory) const { std::free(memory); }
};

utf8proc_option_t OptionsOf(Normalization normalization) {
  constexpr int kCompatible = UTF8PROC_STABLE | UTF8PROC_COMPAT;
  int options = UTF8PROC_STABLE;
  switch (normalization) {
    case Normalization::kNfc:
      options = UTF8PROC_STABLE | UTF8PROC_COMPOSE;
      break;
    case Normalization::kNfd:
      options = UTF8PROC_STABLE | UTF8PROC_DECOMPOSE;
      break;
    case Normalization::kNfkc:
      options = kCompatible | UTF8PROC_COMPOSE;
      break;
    case Normalization::kNfkd:
      options = kCompatible | UTF8PROC_DECOMPOSE;
      break;
  }
  return static_cast<utf8proc_option_t>(options);
}

// Appends `text`, which is UTF-8, in the form.
void AppendNormalized(absl::string_view text, Normalization normalization, std::string& out) {
  utf8proc_uint8_t* raw = nullptr;
  const utf8proc_ssize_t size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                   static_cast<utf8proc_ssize_t>(text.size()), &raw, OptionsOf(normalization));
  const std::unique_ptr<utf8proc_uint8_t, Free> mapped(raw);
  if (size < 0) throw std::bad_alloc();  // all else that fails is invalid UTF-8
  out.append(reinterpret_cast<const char*>(raw), static_cast<std::size_t>(size));
}

std::string NormalizeOnce(absl::string_view text, Normalization normalization) {
  std::string out;
  out.reserve(text.size());
  std::size_t begin = 0;  // of the UTF-8 that is not appended yet
  for (std::size_t i = 0; i < text.size();) {
    i += AsciiPrefixLength(text.substr(i));
    if (i == text.size()) break;
    const Utf8Piece piece = FirstUtf8Piece(text.substr(i));
    if (piece.kind != Utf8Kind::kCharacter) {
      AppendNormalized(text.substr(begin, i - begin), normalization, out);
      absl::StrAppend(&out, text.substr(i, piece.length));
      begin = i + piece.length;
    }
    i += piece.length;
  }
  AppendNormalized(text.substr(begin), normalization, out);
  return out;
}

}  // namespace

std::string Normalize(absl::string_view text, std::span<const Normalization> normalizations) {
  std::string out(text);
  if (AsciiPrefixLength(text) == text.size()) return out;
  for (const Normalization normalization : normalizations) out = NormalizeOnce(out, normalization);
  return out;
}

}  // namespace cascade::model
