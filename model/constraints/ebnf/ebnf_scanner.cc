// SPDX-License-Identifier: Apache-2.0

#include "model/constraints/ebnf/ebnf_scanner.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "model/constraints/grammar.h"
#include "model/constraints/utf8.h"
#include "model/json_document.h"

namespace cascade::model {
namespace {

bool IsNameCharacter(char32_t c, bool dashes) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         (dashes && c == '-');
}

std::optional<char32_t> HexDigit(char32_t c) {
  if (c >= '0' && c <= '9') return c - U'0';
  if (c >= 'a' && c <= 'f') return c - U'a' + 10;
  if (c >= 'A' && c <= 'F') return c - U'A' + 10;
  return std::nullopt;
}

}  // namespace

bool EbnfScanner::StartsWith(absl::string_view ascii) const {
  if (text_.size() - next_ < ascii.size()) return false;
  return std::equal(ascii.begin(), ascii.end(), text_.begin() + static_cast<std::ptrdiff_t>(next_),
                    [](char a, char32_t b) { return static_cast<unsigned char>(a) == b; });
}

bool EbnfScanner::Skip(absl::string_view ascii) {
  if (!StartsWith(ascii)) return false;
  next_ += ascii.size();
  return true;
}

void EbnfScanner::SkipSpace(bool slashes_too) {
  while (!AtEnd()) {
    const char32_t c = text_[next_];
    if (c == ' ' || (c >= '\t' && c <= '\r')) {
      ++next_;
    } else if (c == '#' || (slashes_too && StartsWith("//"))) {
      SkipLine();
    } else {
      return;
    }
  }
}

void EbnfScanner::SkipLine() {
  while (!AtEnd() && text_[next_] != '\n') ++next_;
}

std::string EbnfScanner::TakeName(bool dashes) {
  std::string name;
  while (!AtEnd() && IsNameCharacter(text_[next_], dashes)) name += static_cast<char>(Take());
  return name;
}

std::optional<std::size_t> EbnfScanner::TakeNumber() {
  constexpr std::size_t kMost = 1'000'000'000;
  std::optional<std::size_t> number;
  while (!AtEnd() && text_[next_] >= '0' && text_[next_] <= '9') {
    number = std::min(kMost, number.value_or(0) * 10 + (Take() - U'0'));
  }
  return number;
}

absl::StatusOr<char32_t> EbnfScanner::TakeEscape(absl::string_view others) {
  if (AtEnd()) return Expected("what the backslash escapes");
  const std::size_t start = next_ - 1;
  const char32_t letter = Take();
  std::size_t digits = 0;
  switch (letter) {
    case 'n':
      return U'\n';
    case 'r':
      return U'\r';
    case 't':
      return U'\t';
    case 'x':
      digits = 2;
      break;
    case 'u':
      digits = 4;
      break;
    case 'U':
      digits = 8;
      break;
    default:
      if (letter < 0x80 && others.find(static_cast<char>(letter)) != absl::string_view::npos) {
        return letter;
      }
      return ErrorAt(start, absl::StrCat("expected an escape: \\n, \\r, \\t, \\xHH, \\uHHHH, "
                                         "\\UHHHHHHHH or a backslash before one of ",
                                         others));
  }
  char32_t value = 0;
  for (; digits > 0; --digits) {
    const std::optional<char32_t> digit = AtEnd() ? std::nullopt : HexDigit(text_[next_]);
    if (!digit) return Expected("a hexadecimal digit of an escape");
    ++next_;
    value = value * 16 + *digit;
  }
  if (value > kLastCodePoint || (value >= 0xD800 && value <= 0xDFFF)) {
    return ErrorAt(start, "expected the code of a Unicode character, which this escape is not");
  }
  return value;
}

absl::StatusOr<std::string> EbnfScanner::TakeQuoted(absl::string_view others) {
  const std::size_t start = next_ - 1;
  std::string text;
  while (!Skip("\"")) {
    if (AtEnd() || StartsWith("\n")) {
      return ErrorAt(start, "expected a closing quote for this one, in the same line");
    }
    char32_t character = Take();
    if (character == '\\') {
      const absl::StatusOr<char32_t> escaped = TakeEscape(others);
      if (!escaped.ok()) return escaped.status();
      character = *escaped;
    }
    text += EncodeUtf8(character);
  }
  return text;
}

absl::Status EbnfScanner::ErrorAt(std::size_t position, absl::string_view problem) const {
  const auto end = text_.begin() + static_cast<std::ptrdiff_t>(position);
  const auto lines = std::count(text_.begin(), end, U'\n');
  const std::size_t newline =
      position == 0 ? std::u32string::npos : text_.rfind(U'\n', position - 1);
  const std::size_t line_start = newline == std::u32string::npos ? 0 : newline + 1;
  return absl::InvalidArgumentError(
      absl::StrCat("line ", lines + 1, ", column ", position - line_start + 1, ": ", problem));
}

absl::Status EbnfScanner::Expected(absl::string_view expected) const {
  const std::string found = AtEnd() ? "the end of the grammar" : Quoted(EncodeUtf8(text_[next_]));
  return Error(absl::StrCat("expected ", expected, ", found ", found));
}

}  // namespace cascade::model
