// SPDX-License-Identifier: Apache-2.0
// Reads text from a user, and makes text from a model or a user safe to show on a terminal.
#pragma once

#include <cstddef>
#include <istream>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace cascade::cli {

// The longest text that a server takes (GetModel: max_text_bytes).
inline constexpr std::size_t kMaxTextBytes = 1 << 19;

// Reads `in` to its end. nullopt, as soon as it is seen, if there are more than `bytes` bytes.
std::optional<std::string> ReadAtMost(std::istream& in, std::size_t bytes);

// The text that an argument stands for: itself, or standard input for "-". A newline at the end of
// standard input is usually the shell's and not the text's: it counts only with `keep_newline`.
// None if that has more than kMaxTextBytes.
std::optional<std::string> TextArgument(const std::string& argument, bool keep_newline,
                                        std::istream& in);

// `text` with its escapes read: \n, \t, \r, \\, \xNN (a byte of two hex digits) and \uNNNN (a
// character of four). INVALID_ARGUMENT names the first other one.
absl::StatusOr<std::string> Unescape(absl::string_view text);

bool IsUtf8(absl::string_view bytes);

// Bytes of the UTF-8 character that begins at `i`; 0 if none does.
std::size_t CharacterLength(absl::string_view text, std::size_t i);

// `text` with every control character but newline and tab replaced by U+FFFD: C0, DEL and C1 (as
// UTF-8). No escape sequence survives it. `text` is UTF-8.
std::string Printable(absl::string_view text);

// `bytes` in double quotes, on one line: as it is if it is UTF-8 without control characters, with
// \n, \t, \" and \\ escaped; else every byte outside ASCII as \xNN.
std::string Quoted(absl::string_view bytes);

// Appends a line of a table to `table`: a name, and what there is to say of it.
void AppendRow(absl::string_view name, absl::string_view value, std::string& table);

// Wraps text in the escape sequences for dim letters. For terminals only.
std::string Dimmed(absl::string_view text);

}  // namespace cascade::cli
