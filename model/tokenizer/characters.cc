// SPDX-License-Identifier: Apache-2.0

#include "model/tokenizer/characters.h"

#include <utf8proc.h>

#include <algorithm>

namespace cascade::model {
namespace {

// Not a character.
constexpr utf8proc_int32_t kNone = -1;

struct Character {
  utf8proc_int32_t code_point = kNone;
  std::size_t length = 0;
};

Character First(absl::string_view text) {
  Character first;
  const utf8proc_ssize_t length = utf8proc_iterate(
      reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
      static_cast<utf8proc_ssize_t>(std::min<std::size_t>(text.size(), 4)), &first.code_point);
  if (length <= 0) return {};
  first.length = static_cast<std::size_t>(length);
  return first;
}

Character Last(absl::string_view text) {
  for (std::size_t length = 1; length <= std::min<std::size_t>(text.size(), 4); ++length) {
    const Character last = First(text.substr(text.size() - length));
    if (last.length == length) return last;
  }
  return {};
}

bool IsWhiteSpace(utf8proc_int32_t code_point) {
  if (code_point == kNone) return false;
  if ((code_point >= '\t' && code_point <= '\r') || code_point == 0x85) return true;
  const utf8proc_category_t category = utf8proc_category(code_point);
  return category == UTF8PROC_CATEGORY_ZS || category == UTF8PROC_CATEGORY_ZL ||
         category == UTF8PROC_CATEGORY_ZP;
}

bool IsWordCharacter(utf8proc_int32_t code_point) {
  if (code_point == kNone) return false;
  constexpr utf8proc_int32_t kJoiners[] = {0x200c, 0x200d};
  switch (utf8proc_category(code_point)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC:
      return true;
    default:
      return code_point == kJoiners[0] || code_point == kJoiners[1];
  }
}

}  // namespace

std::size_t LeadingWhiteSpace(absl::string_view text) {
  std::size_t length = 0;
  while (length < text.size()) {
    const Character first = First(text.substr(length));
    if (!IsWhiteSpace(first.code_point)) break;
    length += first.length;
  }
  return length;
}

std::size_t TrailingWhiteSpace(absl::string_view text) {
  std::size_t length = 0;
  while (length < text.size()) {
    const Character last = Last(text.substr(0, text.size() - length));
    if (!IsWhiteSpace(last.code_point)) break;
    length += last.length;
  }
  return length;
}

bool BeginsWithWordCharacter(absl::string_view text) {
  return IsWordCharacter(First(text).code_point);
}

bool EndsWithWordCharacter(absl::string_view text) {
  return IsWordCharacter(Last(text).code_point);
}

}  // namespace cascade::model
