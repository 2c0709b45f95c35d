// SPDX-License-Identifier: Apache-2.0

#include "model/constraints/grammar.h"

#include <cassert>
#include <utility>

#include "model/constraints/utf8_ranges.h"

namespace cascade::model {

Grammar::Expression Grammar::Add(Kind kind, std::span<const Expression> children) {
  Node node;
  node.kind = kind;
  node.first = static_cast<std::uint32_t>(children_.size());
  node.count = static_cast<std::uint32_t>(children.size());
  children_.insert(children_.end(), children.begin(), children.end());
  nodes_.push_back(node);
  return {static_cast<std::uint32_t>(nodes_.size() - 1)};
}

Grammar::Expression Grammar::Bytes(const ByteSet& bytes) {
  const auto [known, is_new] =
      known_bytes_.try_emplace(bytes, Expression{static_cast<std::uint32_t>(nodes_.size())});
  if (!is_new) return known->second;
  Node node;
  node.kind = Kind::kBytes;
  node.first = static_cast<std::uint32_t>(byte_sets_.size());
  byte_sets_.push_back(bytes);
  nodes_.push_back(node);
  return known->second;
}

Grammar::Expression Grammar::Literal(absl::string_view bytes) {
  std::vector<Expression> parts;
  parts.reserve(bytes.size());
  for (const char byte : bytes) {
    ByteSet set;
    set.set(static_cast<unsigned char>(byte));
    parts.push_back(Bytes(set));
  }
  return parts.size() == 1 ? parts.front() : Sequence(parts);
}

Grammar::Expression Grammar::Characters(std::span<const CodePointRange> ranges) {
  std::u32string key;
  key.reserve(2 * ranges.size());
  for (const CodePointRange& range : ranges) key.append({range.first, range.last});
  if (const auto known = known_characters_.find(key); known != known_characters_.end()) {
    return known->second;
  }
  const Expression written = WriteCharacters(ranges);
  known_characters_.emplace(std::move(key), written);
  return written;
}

Grammar::Expression Grammar::WriteCharacters(std::span<const CodePointRange> ranges) {
  std::vector<Expression> alternatives;
  for (const Utf8Sequence& sequence : Utf8Sequences(ranges)) {
    std::vector<Expression> bytes;
    for (const ByteSet& byte : sequence) bytes.push_back(Bytes(byte));
    alternatives.push_back(bytes.size() == 1 ? bytes.front() : Sequence(bytes));
  }
  return alternatives.size() == 1 ? alternatives.front() : Choice(alternatives);
}

Grammar::Expression Grammar::Sequence(std::span<const Expression> parts) {
  return Add(Kind::kSequence, parts);
}

Grammar::Expression Grammar::Choice(std::span<const Expression> alternatives) {
  return Add(Kind::kChoice, alternatives);
}

Grammar::Expression Grammar::Repeat(Expression expression, std::size_t least, std::size_t most) {
  assert(least <= most);
  const Expression repeat = Add(Kind::kRepeat, {&expression, 1});
  nodes_[repeat.index].least = least;
  nodes_[repeat.index].most = most;
  return repeat;
}

Grammar::Expression Grammar::Call(Rule rule) {
  Node node;
  node.kind = Kind::kCall;
  node.first = rule.index;
  nodes_.push_back(node);
  return {static_cast<std::uint32_t>(nodes_.size() - 1)};
}

Grammar::Rule Grammar::AddRule(absl::string_view name) {
  rules_.push_back({.name = std::string(name), .body = {}, .defined = false});
  return {static_cast<std::uint32_t>(rules_.size() - 1)};
}

void Grammar::Define(Rule rule, Expression expression) {
  rules_[rule.index].body = expression;
  rules_[rule.index].defined = true;
}

}  // namespace cascade::model
