// SPDX-License-Identifier: Apache-2.0

#include "model/constraints/regex/regex_scanner.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "model/constraints/utf8.h"
#include "model/constraints/utf8_ranges.h"

namespace cascade::model {
namespace {

const CharacterSet kDigits = {{'0', '9'}};
const CharacterSet kWordCharacters = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
const CharacterSet kSpaces = {{'\t', '\r'}, {' ', ' '}};

// What \d, \w and their likes stand for; nothing for other letters.
std::optional<CharacterSet> NamedClass(char32_t letter) {
  switch (letter) {
    case 'd':
      return kDigits;
    case 'D':
      return Complement(kDigits);
    case 'w':
      return kWordCharacters;
    case 'W':
      return Complement(kWordCharacters);
    case 's':
      return kSpaces;
    case 'S':
      return Complement(kSpaces);
    default:
      return std::nullopt;
  }
}

std::optional<char32_t> ControlCharacter(char32_t letter) {
  constexpr absl::string_view kLetters = "abfnrtv0";
  constexpr absl::string_view kCharacters("\a\b\f\n\r\t\v\0", 8);
  if (letter > 0x7F) return std::nullopt;
  const std::size_t index = kLetters.find(static_cast<char>(letter));
  if (index == absl::string_view::npos) return std::nullopt;
  return static_cast<unsigned char>(kCharacters[index]);
}

bool IsAsciiLetterOrDigit(char32_t c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

// The character of a set of one.
std::optional<char32_t> Single(const CharacterSet& set) {
  if (set.size() != 1 || set.front().first != set.front().last) return std::nullopt;
  return set.front().first;
}

}  // namespace

CharacterSet WithBothCases(CharacterSet set) {
  const std::size_t ranges = set.size();
  constexpr char32_t kDistance = 'a' - 'A';
  for (std::size_t i = 0; i < ranges; ++i) {
    const CodePointRange range = set[i];
    const CodePointRange upper = {std::max<char32_t>(range.first, 'A'),
                                  std::min<char32_t>(range.last, 'Z')};
    const CodePointRange lower = {std::max<char32_t>(range.first, 'a'),
                                  std::min<char32_t>(range.last, 'z')};
    if (upper.first <= upper.last) {
      set.push_back({upper.first + kDistance, upper.last + kDistance});
    }
    if (lower.first <= lower.last) {
      set.push_back({lower.first - kDistance, lower.last - kDistance});
    }
  }
  return Normalized(set);
}

bool RegexScanner::StartsWith(absl::string_view ascii) const {
  if (pattern_.size() - next_ < ascii.size()) return false;
  for (std::size_t i = 0; i < ascii.size(); ++i) {
    if (pattern_[next_ + i] != static_cast<unsigned char>(ascii[i])) return false;
  }
  return true;
}

bool RegexScanner::Skip(absl::string_view ascii) {
  if (!StartsWith(ascii)) return false;
  next_ += ascii.size();
  return true;
}

std::optional<std::size_t> RegexScanner::TakeNumber() {
  constexpr std::size_t kMost = 1'000'000'000;
  std::optional<std::size_t> number;
  while (!AtEnd() && pattern_[next_] >= '0' && pattern_[next_] <= '9') {
    number = std::min(kMost, number.value_or(0) * 10 + (Take() - U'0'));
  }
  return number;
}

absl::Status RegexScanner::Error(absl::string_view problem) const {
  return absl::InvalidArgumentError(
      absl::StrCat("at character ", std::max<std::size_t>(next_, 1), ": ", problem));
}

absl::StatusOr<char32_t> RegexScanner::TakeHex(std::size_t digits) {
  char32_t value = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    const char32_t c = AtEnd() ? U' ' : Take();
    if (c >= '0' && c <= '9') {
      value = value * 16 + (c - '0');
    } else if ((c | 0x20U) >= 'a' && (c | 0x20U) <= 'f') {
      value = value * 16 + ((c | 0x20U) - 'a' + 10);
    } else {
      return Error(absl::StrCat("this escape takes ", digits, " hexadecimal digits"));
    }
  }
  if (value > kLastCodePoint || (value >= 0xD800 && value <= 0xDFFF)) {
    return Error("this escape is of no Unicode character");
  }
  return value;
}

absl::StatusOr<CharacterSet> RegexScanner::TakeEscape() {
  if (AtEnd()) return Error("a backslash must be followed by what it escapes");
  const char32_t c = Take();
  if (const std::optional<CharacterSet> named = NamedClass(c)) return *named;
  std::size_t digits = 0;
  if (c == 'x') digits = 2;
  if (c == 'u') digits = 4;
  if (c == 'U') digits = 8;
  if (digits > 0) {
    const absl::StatusOr<char32_t> character = TakeHex(digits);
    if (!character.ok()) return character.status();
    return CharacterSet{{*character, *character}};
  }
  if (c == '0' && TakeNumber()) return Error("octal escapes are not supported; write \\xHH");
  if (const std::optional<char32_t> control = ControlCharacter(c)) {
    return CharacterSet{{*control, *control}};
  }
  if (!IsAsciiLetterOrDigit(c)) return CharacterSet{{c, c}};
  if (c == 'B') return Error("\\B is not supported: nothing looks at what is beside");
  if (c >= '1' && c <= '9') {
    return Error("backreferences are not supported: an automaton has no memory of a group");
  }
  return Error(absl::StrCat("the escape \\", EncodeUtf8(c), " is not supported"));
}

absl::StatusOr<CharacterSet> RegexScanner::TakeClassMember() {
  if (AtEnd()) return Error("the class has no closing ]");
  const char32_t c = Take();
  if (c == '\\') return TakeEscape();
  return CharacterSet{{c, c}};
}

absl::Status RegexScanner::TakeClassItem(CharacterSet& set) {
  const absl::StatusOr<CharacterSet> member = TakeClassMember();
  if (!member.ok()) return member.status();
  if (!StartsWith("-") || StartsWith("-]")) {
    set.insert(set.end(), member->begin(), member->end());
    return absl::OkStatus();
  }
  Skip("-");
  const absl::StatusOr<CharacterSet> last = TakeClassMember();
  if (!last.ok()) return last.status();
  const std::optional<char32_t> from = Single(*member);
  const std::optional<char32_t> to = Single(*last);
  if (!from || !to || *from > *to) {
    return Error("a range goes from one character to one that is not before it");
  }
  set.push_back({*from, *to});
  return absl::OkStatus();
}

absl::StatusOr<CharacterSet> RegexScanner::TakeClass(bool ignore_case) {
  const bool negated = Skip("^");
  CharacterSet set;
  do {  // a ']' that comes first is one of the characters
    if (absl::Status status = TakeClassItem(set); !status.ok()) return status;
  } while (!Skip("]"));
  if (ignore_case) set = WithBothCases(std::move(set));
  return negated ? Complement(set) : Normalized(set);
}

}  // namespace cascade::model
