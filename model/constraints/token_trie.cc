// SPDX-License-Identifier: Apache-2.0

#include "model/constraints/token_trie.h"

#include <algorithm>
#include <utility>

namespace cascade::model {
namespace {

std::size_t CommonPrefix(absl::string_view a, absl::string_view b) {
  const std::size_t most = std::min(a.size(), b.size());
  std::size_t common = 0;
  while (common < most && a[common] == b[common]) ++common;
  return common;
}

}  // namespace

TokenTrie::TokenTrie(std::vector<absl::string_view> bytes) : bytes_(std::move(bytes)) {
  std::vector<TokenId> sorted;
  for (std::size_t id = 0; id < bytes_.size(); ++id) {
    if (bytes_[id].empty() || bytes_[id].size() > kMaxTokenBytes) continue;
    sorted.push_back(static_cast<TokenId>(id));
  }
  std::ranges::sort(sorted, [this](TokenId a, TokenId b) {
    return bytes_[a] != bytes_[b] ? bytes_[a] < bytes_[b] : a < b;
  });

  std::vector<std::uint32_t> path;  // the nodes of the token before, by depth
  absl::string_view before;
  const auto close = [this, &path](std::size_t depth) {
    for (; path.size() > depth; path.pop_back()) {
      nodes_[path.back()].end = static_cast<std::uint32_t>(nodes_.size());
    }
  };
  for (const TokenId token : sorted) {
    const absl::string_view text = bytes_[token];
    close(CommonPrefix(before, text));
    while (path.size() < text.size()) {
      const auto byte = static_cast<std::uint8_t>(text[path.size()]);
      path.push_back(static_cast<std::uint32_t>(nodes_.size()));
      nodes_.push_back({.byte = byte,
                        .depth = static_cast<std::uint8_t>(path.size()),
                        .first_token = static_cast<std::uint32_t>(tokens_.size())});
    }
    tokens_.push_back(token);
    depth_ = std::max(depth_, text.size());
    before = text;
  }
  close(0);
  nodes_.push_back({.first_token = static_cast<std::uint32_t>(tokens_.size())});
}

}  // namespace cascade::model
