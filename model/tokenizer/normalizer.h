// SPDX-License-Identifier: Apache-2.0
// Unicode normalization of text.
#pragma once

#include <span>
#include <string>

#include "absl/strings/string_view.h"
#include "model/tokenizer/encoding_rules.h"

namespace cascade::model {

// `text` in these normalization forms, one after the other. Bytes that are not UTF-8 stay as they
// are, and nothing composes across them. Throws std::bad_alloc.
std::string Normalize(absl::string_view text, std::span<const Normalization> normalizations);

}  // namespace cascade::model
