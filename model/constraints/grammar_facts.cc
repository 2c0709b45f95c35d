// SPDX-License-Identifier: Apache-2.0

#include "model/constraints/grammar_facts.h"

#include <algorithm>
#include <cstdint>
#include <span>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"

namespace cascade::model {
namespace {

using Expression = Grammar::Expression;
using Kind = Grammar::Kind;

// The expressions that an expression is made of; of a call, the rule's.
std::span<const Expression> Parts(const Grammar& grammar, const Grammar::Node& node,
                                  Expression& rule_body) {
  if (node.kind == Kind::kBytes) return {};
  if (node.kind != Kind::kCall) return grammar.children(node);
  rule_body = grammar.rule_body({node.first});
  return {&rule_body, 1};
}

// Of each expression, those that it is a part of: one after the other, in one list.
class Wholes {
 public:
  explicit Wholes(const Grammar& grammar) : first_(grammar.size() + 1) {
    ForEachPart(grammar, [this](Expression part, std::uint32_t) { ++first_[part.index]; });
    std::uint32_t end = 0;
    for (std::uint32_t& first : first_) first = end += first;
    wholes_.resize(end);
    // From the end of each expression's stretch to its beginning.
    ForEachPart(grammar, [this](Expression part, std::uint32_t whole) {
      wholes_[--first_[part.index]] = whole;
    });
  }

  std::span<const std::uint32_t> Of(std::uint32_t part) const {
    return std::span(wholes_).subspan(first_[part], first_[part + 1] - first_[part]);
  }

 private:
  static void ForEachPart(const Grammar& grammar,
                          absl::FunctionRef<void(Expression part, std::uint32_t whole)> visit) {
    for (std::uint32_t index = 0; index < grammar.size(); ++index) {
      Expression rule_body;
      for (const Expression part : Parts(grammar, grammar.node({index}), rule_body)) {
        visit(part, index);
      }
    }
  }

  std::vector<std::uint32_t> first_;
  std::vector<std::uint32_t> wholes_;
};

// Which expressions have a property that bytes have if `bytes_have_it` says so, a sequence if all
// of its parts do, a repetition of zero times anyhow, and everything else if one of its parts does.
// Linear in the grammar, however its rules are ordered: each expression is found to have the
// property once, and tells those that it is a part of.
std::vector<bool> WithProperty(const Grammar& grammar, const Wholes& wholes,
                               absl::FunctionRef<bool(const ByteSet&)> bytes_have_it) {
  std::vector<std::size_t> missing(grammar.size());  // parts that must still be found to have it
  std::vector<std::uint32_t> found;
  for (std::uint32_t index = 0; index < grammar.size(); ++index) {
    const Grammar::Node& node = grammar.node({index});
    Expression rule_body;
    const std::span<const Expression> parts = Parts(grammar, node, rule_body);
    missing[index] = node.kind == Kind::kSequence ? parts.size() : 1;
    const bool has_it = (node.kind == Kind::kBytes && bytes_have_it(grammar.bytes(node))) ||
                        (node.kind == Kind::kRepeat && node.least == 0);
    if (has_it || missing[index] == 0) {
      missing[index] = 0;
      found.push_back(index);
    }
  }
  std::vector<bool> with(grammar.size());
  while (!found.empty()) {
    const std::uint32_t part = found.back();
    found.pop_back();
    with[part] = true;
    for (const std::uint32_t whole : wholes.Of(part)) {
      if (missing[whole] > 0 && --missing[whole] == 0) found.push_back(whole);
    }
  }
  return with;
}

}  // namespace

GrammarFacts::GrammarFacts(const Grammar& grammar) : grammar_(grammar) {
  status_ = CheckShape();
  if (!status_.ok()) return;
  const Wholes wholes(grammar);
  has_texts_ = WithProperty(grammar, wholes, [](const ByteSet& bytes) { return bytes.any(); });
  has_empty_ = WithProperty(grammar, wholes, [](const ByteSet&) { return false; });
  status_ = CheckLeftRecursion();
}

absl::Status GrammarFacts::CheckShape() const {
  std::vector<std::size_t> depth(grammar_.size(), 0);
  for (std::uint32_t index = 0; index < grammar_.size(); ++index) {
    const Grammar::Node& node = grammar_.node({index});
    if (node.kind == Kind::kBytes) continue;
    if (node.kind == Kind::kCall) {
      if (grammar_.is_defined({node.first})) continue;
      return absl::InvalidArgumentError(
          absl::StrCat("the rule \"", grammar_.rule_name({node.first}), "\" is not defined"));
    }
    for (const Expression child : grammar_.children(node)) {
      depth[index] = std::max(depth[index], depth[child.index] + 1);
    }
    if (depth[index] > kMaxDepth) {
      return absl::InvalidArgumentError(absl::StrCat("it nests deeper than ", kMaxDepth));
    }
  }
  return absl::OkStatus();
}

// The part from `next` on that may stand at the beginning of a text of `expression`, and moves
// `next` past it; nothing if no further one may.
std::optional<Expression> GrammarFacts::NextFirstPart(Expression expression,
                                                      std::size_t& next) const {
  const Grammar::Node& node = grammar_.node(expression);
  Expression rule_body;
  const std::span<const Expression> parts = Parts(grammar_, node, rule_body);
  while (next < parts.size()) {
    const Expression part = parts[next++];
    // What has no empty text lets nothing after it be at the beginning.
    if (node.kind == Kind::kSequence && !HasEmptyText(part)) next = parts.size();
    if (HasTexts(part)) return part;
  }
  return std::nullopt;
}

// Depth first from part to first part, on a stack of our own: rules may call each other in long
// chains. A way back to what is still open is a rule that begins with itself.
absl::Status GrammarFacts::CheckLeftRecursion() const {
  enum : std::uint8_t { kNew, kOpen, kDone };
  struct Visit {
    Expression expression;
    std::size_t next = 0;  // of its parts
  };
  std::vector<std::uint8_t> seen(grammar_.size(), kNew);
  std::vector<Visit> open;
  const auto visit = [&](Expression expression) {
    seen[expression.index] = kOpen;
    open.push_back({.expression = expression});
  };
  for (std::uint32_t index = 0; index < grammar_.size(); ++index) {
    if (seen[index] == kNew && HasTexts({index})) visit({index});
    while (!open.empty()) {
      Visit& top = open.back();
      const std::optional<Expression> part = NextFirstPart(top.expression, top.next);
      if (!part) {
        seen[top.expression.index] = kDone;
        open.pop_back();
        continue;
      }
      if (seen[part->index] == kNew) {
        visit(*part);
      } else if (seen[part->index] == kOpen) {
        const auto call = std::find_if(open.rbegin(), open.rend(), [this](const Visit& each) {
          return grammar_.node(each.expression).kind == Kind::kCall;
        });
        return BeginsWithItself({grammar_.node(call->expression).first});
      }
    }
  }
  return absl::OkStatus();
}

absl::Status GrammarFacts::BeginsWithItself(Grammar::Rule rule) const {
  return absl::InvalidArgumentError(
      absl::StrCat("the rule \"", grammar_.rule_name(rule),
                   "\" begins with itself, which would call it without end; write it as a "
                   "repetition"));
}

}  // namespace cascade::model
