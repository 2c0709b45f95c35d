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

// Which expressions have a property that bytes have if `bytes_have_it` says so, a sequence if all
// of its parts do, a repetition of zero times anyhow, and everything else if one of its parts does.
// Linear in the grammar, however its rules are ordered: each expression is found to have the
// property once, and tells those that it is a part of.
std::vector<bool> WithProperty(const Grammar& grammar,
                               absl::FunctionRef<bool(const ByteSet&)> bytes_have_it) {
  std::vector<std::vector<std::uint32_t>> wholes(grammar.size());
  std::vector<std::size_t> missing(grammar.size());  // parts that must still be found to have it
  std::vector<std::uint32_t> found;
  for (std::uint32_t index = 0; index < grammar.size(); ++index) {
    const Grammar::Node& node = grammar.node({index});
    Expression rule_body;
    const std::span<const Expression> parts = Parts(grammar, node, rule_body);
    for (const Expression part : parts) wholes[part.index].push_back(index);
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
    for (const std::uint32_t whole : wholes[part]) {
      if (missing[whole] > 0 && --missing[whole] == 0) found.push_back(whole);
    }
  }
  return with;
}

}  // namespace

GrammarFacts::GrammarFacts(const Grammar& grammar) : grammar_(grammar) {
  status_ = CheckShape();
  if (!status_.ok()) return;
  has_texts_ = WithProperty(grammar, [](const ByteSet& bytes) { return bytes.any(); });
  has_empty_ = WithProperty(grammar, [](const ByteSet&) { return false; });
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

// What may stand at the beginning of a text of `expression`.
std::vector<Expression> GrammarFacts::FirstParts(Expression expression) const {
  const Grammar::Node& node = grammar_.node(expression);
  Expression rule_body;
  std::vector<Expression> first;
  for (const Expression part : Parts(grammar_, node, rule_body)) {
    if (HasTexts(part)) first.push_back(part);
    if (node.kind == Kind::kSequence && !HasEmptyText(part)) break;
  }
  return first;
}

// Depth first from part to first part, on a stack of our own: rules may call each other in long
// chains. A way back to what is still open is a rule that begins with itself.
absl::Status GrammarFacts::CheckLeftRecursion() const {
  enum : std::uint8_t { kNew, kOpen, kDone };
  struct Visit {
    Expression expression;
    std::vector<Expression> first_parts;
    std::size_t next = 0;
  };
  std::vector<std::uint8_t> seen(grammar_.size(), kNew);
  std::vector<Visit> open;
  const auto visit = [&](Expression expression) {
    seen[expression.index] = kOpen;
    open.push_back({.expression = expression, .first_parts = FirstParts(expression)});
  };
  for (std::uint32_t index = 0; index < grammar_.size(); ++index) {
    if (seen[index] == kNew && HasTexts({index})) visit({index});
    while (!open.empty()) {
      Visit& top = open.back();
      if (top.next == top.first_parts.size()) {
        seen[top.expression.index] = kDone;
        open.pop_back();
        continue;
      }
      const Expression part = top.first_parts[top.next++];
      if (seen[part.index] == kNew) {
        visit(part);
      } else if (seen[part.index] == kOpen) {
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
