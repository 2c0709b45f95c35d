// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/request/violations.h"

#include "absl/strings/str_cat.h"
#include "server/grpc/request/limits.h"

namespace cascade::server {

std::string Element(absl::string_view list, std::size_t index) {
  return absl::StrCat(list, "[", index, "]");
}

void CheckTokenIds(absl::string_view path, std::span<const model::TokenId> ids,
                   std::size_t vocab_size, Violations& violations) {
  constexpr std::size_t kNamed = 8;
  const std::string range = absl::StrCat("must be below vocab_size, ", vocab_size);
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] < vocab_size) continue;
    if (++wrong > kNamed) continue;
    violations.Add(Element(path, i), absl::StrCat("is ", ids[i], "; ", range));
  }
  if (wrong > kNamed) {
    violations.Add(path, absl::StrCat(wrong - kNamed, " more ids ", range));
  }
}

void CheckTextSize(absl::string_view text, Violations& violations) {
  if (text.size() <= kMaxTextBytes) return;
  violations.Add("text",
                 absl::StrCat("has ", text.size(), " bytes; must have at most ", kMaxTextBytes));
}

}  // namespace cascade::server
