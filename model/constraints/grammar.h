// SPDX-License-Identifier: Apache-2.0
// A context-free grammar over bytes: what every kind of constraint is translated to.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/strings/string_view.h"

namespace cascade::model {

using ByteSet = std::bitset<256>;

// Unicode code points from `first` to `last`, both included.
struct CodePointRange {
  char32_t first = 0;
  char32_t last = 0;
};

inline constexpr char32_t kLastCodePoint = 0x10FFFF;

// Expressions and named rules, built from the leaves up: each function below makes an expression of
// others and returns its handle. An expression may be used in many places. The grammar's texts are
// those of its start expression.
//
// Nothing is checked here but what asserts say; a Constraint is made of it, and checks. Whoever
// translates a text that a stranger wrote asks TooLarge while it does.
class Grammar {
 public:
  // Handles; good for the grammar that made them.
  struct Expression {
    std::uint32_t index = 0;
  };
  struct Rule {
    std::uint32_t index = 0;
  };

  static constexpr std::size_t kUnbounded = std::numeric_limits<std::size_t>::max();

  // How many expressions a translator should make at most, and how many parts of sequences and
  // choices: some 10 MB and 20 ms of a core. See TooLarge.
  static constexpr std::size_t kMaxSize = 60'000;
  static constexpr std::size_t kMaxParts = 500'000;

  // ---- Expressions.

  Expression Empty() { return Sequence({}); }   // the empty text
  Expression Nothing() { return Choice({}); }   // no text, not even the empty one
  Expression Bytes(const ByteSet& bytes);       // one byte of these; for equal sets the same
  Expression Literal(absl::string_view bytes);  // these bytes
  // One character of these ranges, in UTF-8. Surrogates and what is beyond kLastCodePoint are no
  // characters, and are left out. The ranges may overlap, in any order. The same expression for
  // the same ranges: a text has some of them often, and their bytes take up to thirty expressions.
  Expression Characters(std::span<const CodePointRange> ranges);
  Expression Sequence(std::span<const Expression> parts);       // one after the other
  Expression Choice(std::span<const Expression> alternatives);  // one of them
  // From `least` to `most` times. REQUIRES: least <= most.
  Expression Repeat(Expression expression, std::size_t least, std::size_t most = kUnbounded);
  Expression Optional(Expression expression) { return Repeat(expression, 0, 1); }
  Expression Call(Rule rule);  // a text of the rule

  Expression Sequence(std::initializer_list<Expression> parts) {
    return Sequence(std::span(parts.begin(), parts.size()));
  }
  Expression Choice(std::initializer_list<Expression> alternatives) {
    return Choice(std::span(alternatives.begin(), alternatives.size()));
  }

  // ---- Rules, which may call each other and themselves.

  // `name` is for messages.
  Rule AddRule(absl::string_view name);
  void Define(Rule rule, Expression expression);
  void SetStart(Expression expression) { start_ = expression; }

  // ---- Reading it.

  enum class Kind : std::uint8_t { kBytes, kSequence, kChoice, kRepeat, kCall };
  struct Node {
    Kind kind = Kind::kSequence;
    std::uint32_t first =
        0;  // kBytes: the set's index; kCall: the rule's; else the first child's place
    std::uint32_t count = 0;  // children
    std::size_t least = 0;    // kRepeat
    std::size_t most = 0;
  };

  Expression start() const { return start_; }
  const Node& node(Expression expression) const { return nodes_[expression.index]; }
  std::span<const Expression> children(const Node& node) const {
    return std::span(children_).subspan(node.first, node.count);
  }
  const ByteSet& bytes(const Node& node) const { return byte_sets_[node.first]; }
  std::size_t size() const { return nodes_.size(); }  // expressions
  bool TooLarge() const { return nodes_.size() > kMaxSize || children_.size() > kMaxParts; }
  std::size_t rules() const { return rules_.size(); }
  std::size_t byte_sets() const { return byte_sets_.size(); }  // different ones
  const std::string& rule_name(Rule rule) const { return rules_[rule.index].name; }
  bool is_defined(Rule rule) const { return rules_[rule.index].defined; }
  Expression rule_body(Rule rule) const { return rules_[rule.index].body; }

 private:
  struct RuleData {
    std::string name;
    Expression body;
    bool defined = false;
  };

  struct HashOfBytes {
    std::size_t operator()(const ByteSet& bytes) const { return std::hash<ByteSet>()(bytes); }
  };

  Expression Add(Kind kind, std::span<const Expression> children);
  Expression WriteCharacters(std::span<const CodePointRange> ranges);

  std::vector<Node> nodes_;
  std::vector<Expression> children_;
  std::vector<ByteSet> byte_sets_;  // each once
  std::unordered_map<ByteSet, Expression, HashOfBytes> known_bytes_;
  std::unordered_map<std::u32string, Expression> known_characters_;  // by the ends of the ranges
  std::vector<RuleData> rules_;
  Expression start_;
};

}  // namespace cascade::model
