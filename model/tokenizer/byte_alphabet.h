// SPDX-License-Identifier: Apache-2.0
// The 256 printable characters that vocabulary files write bytes with (openai/gpt-2, encoder.py,
// bytes_to_unicode): a byte that is printable in Latin-1 stands for itself, the others follow from
// U+0100 on. A space, for instance, is written U+0120.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace cascade::model {

// The bytes that `written` stands for. INVALID_ARGUMENT, naming the character, if it is not UTF-8
// or has a character that stands for no byte.
absl::StatusOr<std::string> BytesFromAlphabet(absl::string_view written);

// The inverse: how `bytes` is written in a vocabulary file.
std::string BytesToAlphabet(absl::string_view bytes);

}  // namespace cascade::model
