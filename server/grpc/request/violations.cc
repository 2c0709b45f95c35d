// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/request/violations.h"

#include <algorithm>
#include <charconv>

#include "absl/strings/str_cat.h"
#include "model/json_document.h"
#include "server/grpc/model_info.h"
#include "server/grpc/request/limits.h"

namespace cascade::server {
namespace {

// "4096", or "4096 ("[PAD]")" if the tokenizer knows it.
std::string Named(model::TokenId id, const ModelInfo& info) {
  const std::size_t place = id - info.config.vocab_size;
  if (place >= info.tokens_beyond.size() || info.tokens_beyond[place].empty()) {
    return absl::StrCat(id);
  }
  return absl::StrCat(id, " (", model::Quoted(info.tokens_beyond[place]), ")");
}

}  // namespace

std::string Element(absl::string_view list, std::size_t index) {
  return absl::StrCat(list, "[", index, "]");
}

void CheckTokenIds(absl::string_view path, std::span<const model::TokenId> ids,
                   const ModelInfo& info, Violations& violations) {
  constexpr std::size_t kNamed = 8;
  const std::size_t vocab_size = info.config.vocab_size;
  const std::string range = absl::StrCat("must be below vocab_size, ", vocab_size);
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] < vocab_size) continue;
    if (++wrong > kNamed) continue;
    violations.Add(Element(path, i), absl::StrCat("is ", Named(ids[i], info), "; ", range));
  }
  if (wrong > kNamed) {
    violations.Add(path, absl::StrCat(wrong - kNamed, " more ids ", range));
  }
}

void CheckTokensOfText(absl::string_view path, std::span<const model::TokenId> ids,
                       const ModelInfo& info, Violations& violations) {
  const std::size_t vocab_size = info.config.vocab_size;
  const auto beyond =
      std::find_if(ids.begin(), ids.end(), [&](model::TokenId id) { return id >= vocab_size; });
  if (beyond == ids.end()) return;
  violations.Add(path, absl::StrCat("has the token ", Named(*beyond, info),
                                    ", which the tokenizer knows and the model does not: its "
                                    "vocab_size is ",
                                    vocab_size));
}

void CheckRange(absl::string_view path, float value, bool within, absl::string_view range,
                Violations& violations) {
  if (within) return;
  // In as many digits as tell it from its neighbors: 1.0000001 is not 1.
  char text[32];
  const std::to_chars_result end = std::to_chars(text, text + sizeof(text), value);
  violations.Add(path, absl::StrCat("is ", std::string(text, end.ptr), "; must be in ", range));
}

void CheckCount(absl::string_view path, std::size_t count, std::size_t most,
                absl::string_view elements, Violations& violations) {
  if (count <= most) return;
  violations.Add(path, absl::StrCat("has ", count, " ", elements, "; must have at most ", most));
}

void CheckTextSize(absl::string_view path, absl::string_view text, Violations& violations) {
  if (text.size() <= kMaxTextBytes) return;
  violations.Add(path,
                 absl::StrCat("has ", text.size(), " bytes; must have at most ", kMaxTextBytes));
}

}  // namespace cascade::server
