// SPDX-License-Identifier: Apache-2.0
// The 256 printable characters with which vocabulary files write bytes (openai/gpt-2, encoder.py,
// bytes_to_unicode): a byte that is printable in Latin-1 is written as itself, the others are
// written as the characters from U+0100 on. A space, for instance, is written U+0120.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace cascade::model {

// The bytes that `written` stands for. INVALID_ARGUMENT, naming the character, if `written` is not
// UTF-8 or has a character outside the alphabet.
absl::StatusOr<std::string> BytesFromAlphabet(absl::string_view written);

// The inverse: `bytes` as a vocabulary file writes them.
std::string BytesToAlphabet(absl::string_view bytes);

}  // namespace cascade::model
