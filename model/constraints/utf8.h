// SPDX-License-Identifier: Apache-2.0
// UTF-8 text as code points.
#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace cascade::model {

// The characters of `text`; nothing if it is not valid UTF-8 (RFC 3629: no surrogates, no character
// in more bytes than it needs).
std::optional<std::u32string> DecodeUtf8(absl::string_view text);

// `character` in UTF-8. REQUIRES: a code point that is no surrogate.
std::string EncodeUtf8(char32_t character);

}  // namespace cascade::model
