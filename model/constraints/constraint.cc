// SPDX-License-Identifier: Apache-2.0

#include "model/constraints/constraint.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"

namespace cascade::model {

Constraint::Constraint(std::shared_ptr<const Nfa> nfa, const TokenTrie& trie)
    : nfa_(std::move(nfa)), trie_(trie), automaton_(std::make_unique<Automaton>(nfa_, kMaxSteps)) {}

namespace {

absl::Status TooAmbiguous() {
  return absl::InvalidArgumentError(absl::StrCat(
      "it is too ambiguous: to find which tokens may come next takes more than ",
      Constraint::kMaxSteps,
      " steps; smaller counts, and alternatives that differ at their beginnings, make it less"));
}

}  // namespace

absl::StatusOr<std::shared_ptr<Constraint>> Constraint::Make(const Grammar& grammar,
                                                             const TokenTrie& trie) {
  absl::StatusOr<Nfa> nfa = Nfa::Make(grammar);
  if (!nfa.ok()) return nfa.status();
  std::shared_ptr<Constraint> constraint(
      new Constraint(std::make_shared<const Nfa>(*std::move(nfa)), trie));
  if (constraint->automaton_->exhausted()) return TooAmbiguous();
  if (constraint->automaton_->MustEnd(constraint->automaton_->start())) {
    return absl::InvalidArgumentError("only the empty text satisfies it");
  }
  const absl::StatusOr<const TokenMask*> first =
      constraint->MaskOf(constraint->automaton_->start());
  if (!first.ok()) return first.status();
  if ((*first)->empty()) {
    return absl::InvalidArgumentError("the vocabulary has no token that a text of it begins with");
  }
  return constraint;
}

absl::StatusOr<const TokenMask*> Constraint::MaskOf(Automaton::State state) {
  std::unique_ptr<TokenMask>& mask = masks_[state];
  if (mask != nullptr) return mask.get();
  automaton_->BeginWalk(kMaxSteps);
  std::vector<TokenId> tokens = FindTokens(state);
  if (automaton_->exhausted()) return TooAmbiguous();
  mask = std::make_unique<TokenMask>(std::move(tokens), trie_.vocab_size());
  mask_bytes_ += mask->bytes();
  return mask.get();
}

std::vector<TokenId> Constraint::FindTokens(Automaton::State state) {
  std::vector<TokenId> tokens;
  std::vector<Automaton::State> after(trie_.depth() + 1);  // by depth: after the bytes so far
  after[0] = state;
  const std::span<const TokenTrie::Node> nodes = trie_.nodes();
  for (std::size_t i = 0; i < nodes.size();) {
    const TokenTrie::Node& node = nodes[i];
    const Automaton::State next = automaton_->Next(after[node.depth - 1U], node.byte);
    if (next == Automaton::kDead) {
      i = node.end;
      continue;
    }
    after[node.depth] = next;
    const std::span<const TokenId> here = trie_.tokens(i);
    tokens.insert(tokens.end(), here.begin(), here.end());
    ++i;
  }
  return tokens;
}

void Constraint::ForgetIfFull() {
  if (kept_bytes() <= kMaxKeptBytes) return;
  auto fresh = std::make_unique<Automaton>(nfa_, kMaxSteps);
  std::vector<Automaton::State> states;  // first all of them, since memory may run out half-way
  states.reserve(cursors_.size());
  for (const ConstraintCursor* const cursor : cursors_) {
    states.push_back(fresh->Import(*automaton_, cursor->state_));
  }
  for (std::size_t i = 0; i < states.size(); ++i) cursors_[i]->state_ = states[i];
  automaton_ = std::move(fresh);
  masks_.clear();
  mask_bytes_ = 0;
}

ConstraintCursor::ConstraintCursor(std::shared_ptr<Constraint> constraint)
    : constraint_(std::move(constraint)), state_(constraint_->automaton_->start()) {
  constraint_->cursors_.push_back(this);
}

ConstraintCursor::~ConstraintCursor() { std::erase(constraint_->cursors_, this); }

absl::StatusOr<bool> ConstraintCursor::Allows(TokenId token, std::size_t& steps) const {
  Automaton& automaton = *constraint_->automaton_;
  const absl::string_view bytes = constraint_->trie_.bytes(token);
  automaton.BeginWalk(steps);
  Automaton::State state = state_;
  for (const char byte : bytes) state = automaton.Next(state, static_cast<std::uint8_t>(byte));
  if (automaton.exhausted()) return TooAmbiguous();
  steps = automaton.steps_left();
  return !bytes.empty() && state != Automaton::kDead;
}

void ConstraintCursor::Append(TokenId token) {
  state_ = After(token);
  constraint_->ForgetIfFull();
}

Automaton::State ConstraintCursor::After(TokenId token) const {
  // This finds no more than was found when the token was, and so takes no more steps.
  constraint_->automaton_->BeginWalk(Constraint::kMaxSteps);
  Automaton::State state = state_;
  for (const char byte : constraint_->trie_.bytes(token)) {
    state = constraint_->automaton_->Next(state, static_cast<std::uint8_t>(byte));
  }
  return state;
}

std::string ConstraintCursor::ForcedBytes(std::size_t limit) const {
  Automaton& automaton = *constraint_->automaton_;
  automaton.BeginWalk(Constraint::kMaxSteps);
  std::string forced;
  Automaton::State state = state_;
  while (forced.size() < limit && !automaton.CanEnd(state)) {
    const std::optional<std::uint8_t> only = automaton.OnlyByte(state);
    if (!only) break;
    forced.push_back(static_cast<char>(*only));
    state = automaton.Next(state, *only);
  }
  return forced;
}

}  // namespace cascade::model
