// SPDX-License-Identifier: Apache-2.0

#include "tools/cascade/text.h"

#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

namespace cascade::cli {
namespace {

constexpr absl::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

unsigned char ByteAt(absl::string_view text, std::size_t i) {
  return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
}

// Bytes of the control character at `i`: 1 for C0 and DEL, 2 for C1 (U+0080 to U+009F), 0 for none.
std::size_t ControlLength(absl::string_view text, std::size_t i) {
  const unsigned char first = ByteAt(text, i);
  if (absl::ascii_iscntrl(first)) return 1;
  const unsigned char second = ByteAt(text, i + 1);
  return first == 0xC2 && second >= 0x80 && second < 0xA0 ? 2 : 0;
}

bool IsContinuation(unsigned char byte) { return (byte & 0xC0U) == 0x80; }

bool IsLayout(char c) { return c == '\n' || c == '\t'; }

bool HasControls(absl::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!IsLayout(text[i]) && ControlLength(text, i) > 0) return true;
  }
  return false;
}

}  // namespace

std::size_t CharacterLength(absl::string_view text, std::size_t i) {
  // Unicode 15, table 3-7.
  const unsigned char first = ByteAt(text, i);
  if (i >= text.size()) return 0;
  if (first < 0x80) return 1;
  if (first < 0xC2 || first > 0xF4) return 0;
  const std::size_t length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  const unsigned char second = ByteAt(text, i + 1);
  if (first == 0xE0 && second < 0xA0) return 0;  // overlong
  if (first == 0xED && second > 0x9F) return 0;  // a surrogate
  if (first == 0xF0 && second < 0x90) return 0;  // overlong
  if (first == 0xF4 && second > 0x8F) return 0;  // above U+10FFFF
  for (std::size_t k = 1; k < length; ++k) {
    if (!IsContinuation(ByteAt(text, i + k))) return 0;
  }
  return length;
}

std::optional<std::string> ReadAtMost(std::istream& in, std::size_t bytes) {
  std::string text(bytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  const auto got = static_cast<std::size_t>(in.gcount());
  if (got > bytes) return std::nullopt;
  text.resize(got);
  return text;
}

std::optional<std::string> TextArgument(const std::string& argument, bool keep_newline,
                                        std::istream& in) {
  if (argument != "-") return argument;
  std::optional<std::string> text = ReadAtMost(in, kMaxTextBytes + 2);
  if (!text) return std::nullopt;
  if (!keep_newline && text->ends_with('\n')) {
    text->pop_back();
    if (text->ends_with('\r')) text->pop_back();
  }
  if (text->size() > kMaxTextBytes) return std::nullopt;
  return text;
}

absl::StatusOr<std::string> Unescape(absl::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] != '\\') {
      plain += text[i++];
      continue;
    }
    const absl::string_view kind = text.substr(i + 1, 1);
    const std::size_t length = kind == "x" ? 4 : kind == "u" ? 6 : 2;
    const absl::string_view escape = text.substr(i, length);
    std::string character;
    // CUnescape knows more kinds, and takes as many digits as there are.
    const bool is_known = !kind.empty() && absl::StrContains("ntr\\xu", kind);
    if (!is_known || escape.size() < length || !absl::CUnescape(escape, &character)) {
      return absl::InvalidArgumentError(absl::StrCat(
          Quoted(escape), " is no escape: \\n, \\t, \\r, \\\\, \\xNN and \\uNNNN are"));
    }
    plain += character;
    i += length;
  }
  return plain;
}

bool IsUtf8(absl::string_view bytes) {
  for (std::size_t i = 0; i < bytes.size();) {
    const std::size_t length = CharacterLength(bytes, i);
    if (length == 0) return false;
    i += length;
  }
  return true;
}

std::string Printable(absl::string_view text) {
  std::string printable;
  printable.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t control = ControlLength(text, i);
    if (control == 0 || IsLayout(text[i])) {
      printable += text[i++];
    } else {
      absl::StrAppend(&printable, kReplacement);
      i += control;
    }
  }
  return printable;
}

std::string Quoted(absl::string_view bytes) {
  const std::string escaped =
      IsUtf8(bytes) && !HasControls(bytes)
          ? absl::StrReplaceAll(bytes,
                                {{"\\", "\\\\"}, {"\"", "\\\""}, {"\n", "\\n"}, {"\t", "\\t"}})
          : absl::CHexEscape(bytes);
  return absl::StrCat("\"", escaped, "\"");
}

void AppendRow(absl::string_view name, absl::string_view value, std::string& table) {
  absl::StrAppendFormat(&table, "%-13s %s\n", name, value);
}

std::string Dimmed(absl::string_view text) { return absl::StrCat("\x1b[2m", text, "\x1b[0m"); }

}  // namespace cascade::cli
