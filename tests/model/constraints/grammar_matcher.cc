// SPDX-License-Identifier: Apache-2.0

#include "tests/model/constraints/grammar_matcher.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <span>
#include <utility>
#include <vector>

namespace cascade::testing {
namespace {

using model::Grammar;
using Expression = Grammar::Expression;
using Kind = Grammar::Kind;
using Positions = std::set<std::size_t>;

// For each expression and position: where the texts of the expression that begin there end.
class Matcher {
 public:
  Matcher(const Grammar& grammar, absl::string_view text) : grammar_(grammar), text_(text) {}

  const Positions& Ends(Expression expression, std::size_t start) {
    const auto [entry, is_new] = ends_.try_emplace({expression.index, start});
    if (is_new) entry->second = Compute(grammar_.node(expression), start);
    return entry->second;
  }

 private:
  Positions Compute(const Grammar::Node& node, std::size_t start) {
    Positions ends;
    switch (node.kind) {
      case Kind::kBytes:
        if (start < text_.size() &&
            grammar_.bytes(node)[static_cast<unsigned char>(text_[start])]) {
          ends.insert(start + 1);
        }
        break;
      case Kind::kSequence:
        ends.insert(start);
        for (const Expression part : grammar_.children(node)) ends = EndsOfAll(part, ends);
        break;
      case Kind::kChoice:
        for (const Expression alternative : grammar_.children(node)) {
          ends.merge(Positions(Ends(alternative, start)));
        }
        break;
      case Kind::kRepeat:
        ends = EndsOfRepeat(node, start);
        break;
      case Kind::kCall:
        ends = Ends(grammar_.rule_body({node.first}), start);
        break;
    }
    return ends;
  }

  Positions EndsOfAll(Expression expression, const Positions& starts) {
    Positions ends;
    for (const std::size_t start : starts) ends.merge(Positions(Ends(expression, start)));
    return ends;
  }

  // Each time goes at least one byte further, or nowhere; so this ends whatever the counts.
  Positions EndsOfRepeat(const Grammar::Node& node, std::size_t start) {
    Positions ends;
    Positions here = {start};
    for (std::size_t times = 0; !here.empty(); ++times) {
      if (times >= node.least) ends.insert(here.begin(), here.end());
      if (times == node.most) break;
      Positions next = EndsOfAll(grammar_.children(node).front(), here);
      if (next == here) {
        ends.insert(next.begin(), next.end());
        break;
      }
      here = std::move(next);
    }
    return ends;
  }

  const Grammar& grammar_;
  const absl::string_view text_;
  std::map<std::pair<std::uint32_t, std::size_t>, Positions> ends_;
};

constexpr std::size_t kNever = std::numeric_limits<std::size_t>::max() / 4;

class Sampler {
 public:
  Sampler(const Grammar& grammar, std::mt19937& random)
      : grammar_(grammar), random_(random), cost_(grammar.size(), kNever) {
    ComputeCosts();
  }

  void Append(Expression expression, std::size_t depth, std::string& text) {
    const Grammar::Node& node = grammar_.node(expression);
    switch (node.kind) {
      case Kind::kBytes:
        AppendByte(grammar_.bytes(node), text);
        break;
      case Kind::kSequence:
        for (const Expression part : grammar_.children(node)) Append(part, depth, text);
        break;
      case Kind::kChoice:
        Append(Choose(grammar_.children(node), depth, text), depth, text);
        break;
      case Kind::kRepeat:
        for (std::size_t i = Times(node, depth, text); i > 0; --i) {
          Append(grammar_.children(node).front(), depth, text);
        }
        break;
      case Kind::kCall:
        Append(grammar_.rule_body({node.first}), depth + 1, text);
        break;
    }
  }

 private:
  static constexpr std::size_t kDeep = 12;
  static constexpr std::size_t kLong = 400;

  // The cost of an expression is about the length of its shortest text.
  void ComputeCosts() {
    for (bool changed = true; changed;) {
      changed = false;
      for (std::uint32_t index = 0; index < grammar_.size(); ++index) {
        const std::size_t cost = std::min(kNever, Cost(grammar_.node({index})));
        changed = changed || cost < cost_[index];
        cost_[index] = std::min(cost_[index], cost);
      }
    }
  }

  std::size_t Cost(const Grammar::Node& node) const {
    if (node.kind == Kind::kBytes) return grammar_.bytes(node).any() ? 1 : kNever;
    if (node.kind == Kind::kCall) return cost_[grammar_.rule_body({node.first}).index] + 1;
    std::size_t cost = node.kind == Kind::kChoice ? kNever : 0;
    for (const Expression child : grammar_.children(node)) {
      const std::size_t one = cost_[child.index];
      if (node.kind == Kind::kChoice) {
        cost = std::min(cost, one);
      } else if (node.kind == Kind::kSequence) {
        cost = std::min(kNever, cost + one);
      } else {
        cost = node.least == 0 ? 0 : (one >= kNever / node.least ? kNever : one * node.least);
      }
    }
    return cost;
  }

  bool MustEnd(std::size_t depth, const std::string& text) const {
    return depth > kDeep || text.size() > kLong;
  }

  void AppendByte(const model::ByteSet& bytes, std::string& text) {
    std::size_t skip = random_() % bytes.count();
    for (std::size_t byte = 0; byte < bytes.size(); ++byte) {
      if (bytes[byte] && skip-- == 0) {
        text += static_cast<char>(byte);
        return;
      }
    }
  }

  Expression Choose(std::span<const Expression> alternatives, std::size_t depth,
                    const std::string& text) {
    std::vector<Expression> possible(alternatives.begin(), alternatives.end());
    std::erase_if(possible, [this](Expression one) { return cost_[one.index] >= kNever; });
    if (!MustEnd(depth, text)) return possible[random_() % possible.size()];
    return *std::min_element(possible.begin(), possible.end(), [this](Expression a, Expression b) {
      return cost_[a.index] < cost_[b.index];
    });
  }

  std::size_t Times(const Grammar::Node& node, std::size_t depth, const std::string& text) {
    if (cost_[grammar_.children(node).front().index] >= kNever) return 0;
    std::size_t times = node.least;
    while (times < node.most && !MustEnd(depth, text) && random_() % 3 != 0) ++times;
    return times;
  }

  const Grammar& grammar_;
  std::mt19937& random_;
  std::vector<std::size_t> cost_;
};

}  // namespace

bool Matches(const Grammar& grammar, absl::string_view text) {
  return Matcher(grammar, text).Ends(grammar.start(), 0).contains(text.size());
}

std::string Sample(const Grammar& grammar, std::mt19937& random) {
  std::string text;
  Sampler(grammar, random).Append(grammar.start(), 0, text);
  return text;
}

}  // namespace cascade::testing
