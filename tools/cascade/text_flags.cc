// SPDX-License-Identifier: Apache-2.0

#include "tools/cascade/text_flags.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/cascade/text.h"

namespace cascade::cli {

void TextFlags::AddTo(Flags& flags) {
  flags.Add("keep_newline", "", "keep the newline at the end of standard input", &keep_newline_);
  flags.Add("parse_special_tokens", "", "read <|endoftext|> in a text as the token, not as text",
            &parse_special_tokens_);
}

absl::StatusOr<std::string> TextFlags::Read(const std::string& argument, std::istream& in) const {
  std::optional<std::string> text = TextArgument(argument, keep_newline_, in);
  if (!text) {
    return absl::InvalidArgumentError(absl::StrCat("standard input has more than ", kMaxTextBytes,
                                                   " bytes, the longest text that a server takes"));
  }
  if (!IsUtf8(*text)) return absl::InvalidArgumentError("the text is not UTF-8");
  return *std::move(text);
}

void TruncationFlags::AddTo(Flags& flags) {
  flags.Add("truncate", "", "drop the beginning of a text that is too long", &truncate_);
  flags.Add("max_prompt_tokens", "N", "keep no more than the last N of its tokens",
            &max_prompt_tokens_);
}

}  // namespace cascade::cli
