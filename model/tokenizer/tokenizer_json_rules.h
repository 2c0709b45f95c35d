// SPDX-License-Identifier: Apache-2.0
// The rules of tokenizer.json: normalizer, pre_tokenizer and post_processor.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "model/tokenizer/encoding_rules.h"
#include "nlohmann/json_fwd.hpp"

namespace cascade::model {

// Reads what byte-level BPE models use: as normalizer NFC, NFD, NFKC, NFKD; as pre_tokenizer Digits
// and Split with GPT-2's pattern, and ByteLevel as the last; as post_processor TemplateProcessing,
// RobertaProcessing and BertProcessing, of which the tokens in front of a text and behind it count,
// and ByteLevel, which changes none; and a Sequence of any of them. INVALID_ARGUMENT, beginning
// with the file's `name`, for everything else.
absl::Status ParseRules(absl::string_view name, const nlohmann::json& document,
                        EncodingRules& rules);

}  // namespace cascade::model
