// SPDX-License-Identifier: Apache-2.0

#include "model/constraints/nfa.h"

#include <algorithm>
#include <bitset>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "model/constraints/grammar_facts.h"

namespace cascade::model {

// Builds from the end to the beginning: each part is made with the state that comes after it.
class NfaBuilder {
 public:
  explicit NfaBuilder(const Grammar& grammar) : grammar_(grammar), facts_(grammar) {}

  absl::StatusOr<Nfa> Build() {
    if (!facts_.status().ok()) return facts_.status();
    const Expression start = grammar_.start();
    if (!facts_.HasTexts(start)) {
      return absl::InvalidArgumentError("no text can ever satisfy it");
    }
    const Nfa::State end = Add({.kind = Nfa::Kind::kReturn});
    rule_starts_.assign(grammar_.rules(), std::nullopt);
    nfa_.start_ = Part(start, end);
    // Rules that are called are made after the part that calls them, until all of them are there.
    while (!rules_to_make_.empty() && !TooLarge()) {
      const Grammar::Rule rule = rules_to_make_.back();
      rules_to_make_.pop_back();
      const Nfa::State first = Part(grammar_.rule_body(rule), end);
      nfa_.nodes_[*rule_starts_[rule.index]].data = AddForks({first});
    }
    if (TooLarge()) {
      return absl::InvalidArgumentError(
          work_ > Nfa::kMaxWork
              ? absl::StrCat("it is too large: with its counts expanded it has more than ",
                             Nfa::kMaxWork,
                             " parts, empty ones included; smaller counts or fewer "
                             "parts make it smaller")
              : absl::StrCat("it is too large: with its counts expanded it has more than ",
                             Nfa::kMaxStates,
                             " states; smaller counts or fewer parts make it smaller"));
    }
    FindByteClasses();
    ListClasses();
    return std::move(nfa_);
  }

 private:
  using Expression = Grammar::Expression;
  using State = Nfa::State;

  bool TooLarge() const { return nfa_.nodes_.size() > Nfa::kMaxStates || work_ > Nfa::kMaxWork; }

  State Add(Nfa::Node node) {
    nfa_.nodes_.push_back(node);
    return static_cast<State>(nfa_.nodes_.size() - 1);
  }

  std::uint32_t AddForks(std::initializer_list<State> states) {
    nfa_.forks_.insert(nfa_.forks_.end(), states);
    return static_cast<std::uint32_t>(nfa_.forks_.size() - states.size());
  }

  State Fork(State first, State second) {
    return Add({.kind = Nfa::Kind::kFork, .data = AddForks({first, second}), .next = 2});
  }

  // The first state of `expression`, after which `next` comes. What is too large is cut off: Build
  // says so in the end.
  State Part(Expression expression, State next) {
    if (TooLarge()) return next;
    const Grammar::Node& node = grammar_.node(expression);
    work_ += 1 + node.count;
    switch (node.kind) {
      case Grammar::Kind::kBytes:
        return Add({.kind = Nfa::Kind::kByte, .data = SetIndex(node), .next = next});
      case Grammar::Kind::kSequence: {
        const std::span<const Expression> parts = grammar_.children(node);
        for (auto part = parts.rbegin(); part != parts.rend(); ++part) next = Part(*part, next);
        return next;
      }
      case Grammar::Kind::kChoice:
        return Choice(node, next);
      case Grammar::Kind::kRepeat:
        return Repeat(node, next);
      case Grammar::Kind::kCall:
        return Add({.kind = Nfa::Kind::kCall, .data = RuleStart({node.first}), .next = next});
    }
    return next;
  }

  State Choice(const Grammar::Node& node, State next) {
    std::vector<State> states;
    for (const Expression alternative : grammar_.children(node)) {
      if (facts_.HasTexts(alternative)) states.push_back(Part(alternative, next));
    }
    // Empty alternatives all lead on at once.
    states.erase(std::unique(states.begin(), states.end()), states.end());
    if (states.size() == 1) return states.front();
    const auto first = static_cast<std::uint32_t>(nfa_.forks_.size());
    nfa_.forks_.insert(nfa_.forks_.end(), states.begin(), states.end());
    return Add({.kind = Nfa::Kind::kFork,
                .data = first,
                .next = static_cast<std::uint32_t>(states.size())});
  }

  State Repeat(const Grammar::Node& node, State next) {
    const Expression part = grammar_.children(node).front();
    if (!facts_.HasTexts(part)) return next;  // not even once, which least allows
    if (node.most == Grammar::kUnbounded) {
      const State loop = Fork(next, next);
      // The part leads back to the fork, which leads into it or on.
      const State body = Part(part, loop);
      nfa_.forks_[nfa_.nodes_[loop].data] = body;
      next = loop;
    } else {
      const State end = next;
      for (std::size_t i = node.least; i < node.most && !TooLarge(); ++i) {
        const State once_more = Part(part, next);
        if (once_more == next) break;  // a part that is always empty
        next = Fork(once_more, end);
      }
    }
    for (std::size_t i = 0; i < node.least && !TooLarge(); ++i) {
      const State before = std::exchange(next, Part(part, next));
      if (before == next) break;
    }
    return next;
  }

  // Where a rule begins: a fork of one way, which Build sets when the rule is made.
  State RuleStart(Grammar::Rule rule) {
    std::optional<State>& start = rule_starts_[rule.index];
    if (!start) {
      start = Add({.kind = Nfa::Kind::kFork, .data = 0, .next = 1});
      rules_to_make_.push_back(rule);
    }
    return *start;
  }

  // The number of a kBytes node's set among those that are used.
  std::uint32_t SetIndex(const Grammar::Node& node) {
    constexpr std::uint32_t kUnknown = ~std::uint32_t{0};
    if (set_indices_.empty()) set_indices_.resize(grammar_.byte_sets(), kUnknown);
    std::uint32_t& index = set_indices_[node.first];
    if (index == kUnknown) {
      index = static_cast<std::uint32_t>(byte_sets_.size());
      byte_sets_.push_back(grammar_.bytes(node));
    }
    return index;
  }

  // Splits the classes by each set in turn.
  void FindByteClasses() {
    std::size_t classes = 1;
    for (const ByteSet& set : byte_sets_) {
      std::array<std::optional<std::uint8_t>, 256> inside =
          {};  // of each class: its part in the set
      std::array<std::size_t, 256> left = {};
      for (const std::uint8_t byte_class : nfa_.byte_class_) ++left[byte_class];
      for (std::size_t byte = 0; byte < 256; ++byte) {
        if (set[byte]) --left[nfa_.byte_class_[byte]];
      }
      for (std::size_t byte = 0; byte < 256; ++byte) {
        std::uint8_t& byte_class = nfa_.byte_class_[byte];
        if (!set[byte] || (left[byte_class] == 0 && !inside[byte_class])) continue;
        if (!inside[byte_class]) inside[byte_class] = static_cast<std::uint8_t>(classes++);
        byte_class = *inside[byte_class];
      }
      if (classes == 256) break;
    }
    nfa_.byte_classes_ = classes;
  }

  void ListClasses() {
    for (const ByteSet& set : byte_sets_) {
      nfa_.class_lists_.push_back(static_cast<std::uint32_t>(nfa_.classes_.size()));
      std::bitset<256> listed;
      for (std::size_t byte = 0; byte < 256; ++byte) {
        if (set[byte]) listed.set(nfa_.byte_class_[byte]);
      }
      for (std::size_t each = 0; each < 256; ++each) {
        if (listed[each]) nfa_.classes_.push_back(static_cast<std::uint8_t>(each));
      }
    }
    nfa_.class_lists_.push_back(static_cast<std::uint32_t>(nfa_.classes_.size()));
  }

  const Grammar& grammar_;
  GrammarFacts facts_;
  Nfa nfa_;
  std::vector<std::optional<State>> rule_starts_;
  std::vector<Grammar::Rule> rules_to_make_;
  std::vector<ByteSet> byte_sets_;          // that are used, each once
  std::vector<std::uint32_t> set_indices_;  // in byte_sets_, by the set's index in the grammar
  std::size_t work_ = 0;                    // parts looked at
};

absl::StatusOr<Nfa> Nfa::Make(const Grammar& grammar) { return NfaBuilder(grammar).Build(); }

std::size_t Nfa::bytes() const {
  return nodes_.capacity() * sizeof(Node) + forks_.capacity() * sizeof(State) +
         classes_.capacity() + class_lists_.capacity() * sizeof(std::uint32_t);
}

}  // namespace cascade::model
