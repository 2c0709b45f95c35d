// SPDX-License-Identifier: Apache-2.0
// A vocabulary's tokens as a tree of their bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/strings/string_view.h"
#include "model/token.h"

namespace cascade::model {

// The tree's nodes in order of a walk from the root that visits parents before children, so that
// whoever walks it needs no links: the node after a node is its first child, or else the next after
// its subtree. Immutable; any thread.
class TokenTrie {
 public:
  struct Node {
    std::uint8_t byte = 0;
    std::uint8_t depth = 0;         // bytes from the root, from 1
    std::uint32_t first_token = 0;  // into tokens(); up to the next node's
    std::uint32_t end = 0;          // of its subtree: an index into nodes()
  };

  // Longer tokens are left out: whatever their text, it can be written with others.
  static constexpr std::size_t kMaxTokenBytes = 255;

  // `bytes` of each token by its id, borrowed; tokens without bytes are left out.
  explicit TokenTrie(std::vector<absl::string_view> bytes);

  // Of the longest token.
  std::size_t depth() const { return depth_; }
  std::size_t vocab_size() const { return bytes_.size(); }
  // REQUIRES: token < vocab_size().
  absl::string_view bytes(TokenId token) const { return bytes_[token]; }
  std::span<const Node> nodes() const { return std::span(nodes_).first(nodes_.size() - 1); }

  // Tokens whose bytes end at the node: one, but in strange vocabularies.
  std::span<const TokenId> tokens(std::size_t node) const {
    return std::span(tokens_).subspan(nodes_[node].first_token,
                                      nodes_[node + 1].first_token - nodes_[node].first_token);
  }

 private:
  std::vector<absl::string_view> bytes_;
  std::vector<Node> nodes_;  // and one after the last
  std::vector<TokenId> tokens_;
  std::size_t depth_ = 0;
};

}  // namespace cascade::model
