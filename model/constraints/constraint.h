// SPDX-License-Identifier: Apache-2.0
// What a text may be, and which tokens may continue it.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/constraints/automaton.h"
#include "model/constraints/grammar.h"
#include "model/constraints/nfa.h"
#include "model/constraints/token_mask.h"
#include "model/constraints/token_trie.h"

namespace cascade::model {

class ConstraintCursor;

// A grammar's texts, for answers that must be one of them. Requests with the same constraint share
// it, and so what it learns on the way: its states and their tokens. Those are kept within
// kMaxKeptBytes, and made again when they are wanted again; what is forgotten changes no answer.
//
// After Make, for one thread at a time; the trie and the vocabulary behind it outlive it.
class Constraint {
 public:
  static constexpr std::size_t kMaxKeptBytes = std::size_t{1} << 20;

  // What one set of tokens may cost, in steps of Automaton: some 5 ms of a core at the worst. Sets
  // of tokens within a JSON string or a regular expression without nested counts take thousands.
  static constexpr std::size_t kMaxSteps = 100'000;

  // INVALID_ARGUMENT as Nfa::Make, or if only the empty text satisfies it, if already the first
  // token takes more than kMaxSteps to find, or if the vocabulary has no token to begin a text
  // with.
  static absl::StatusOr<std::shared_ptr<Constraint>> Make(const Grammar& grammar,
                                                          const TokenTrie& trie);

  // The most memory that it takes between two tokens.
  std::size_t max_bytes() const {
    return nfa_->bytes() + Automaton::FixedBytes(*nfa_) + kMaxKeptBytes;
  }

  // What it takes now, the grammar's machine aside.
  std::size_t kept_bytes() const { return automaton_->bytes() + mask_bytes_; }

 private:
  friend class ConstraintCursor;

  Constraint(std::shared_ptr<const Nfa> nfa, const TokenTrie& trie);

  // The tokens that may follow `state`, without those that end the text. Valid until the next call.
  // INVALID_ARGUMENT if that takes more than kMaxSteps.
  absl::StatusOr<const TokenMask*> MaskOf(Automaton::State state);
  std::vector<TokenId> FindTokens(Automaton::State state);

  // Starts anew with nothing but the cursors' states, if what is kept is too much.
  void ForgetIfFull();

  std::shared_ptr<const Nfa> nfa_;
  const TokenTrie& trie_;
  std::unique_ptr<Automaton> automaton_;
  std::unordered_map<Automaton::State, std::unique_ptr<TokenMask>> masks_;
  std::size_t mask_bytes_ = 0;
  std::vector<ConstraintCursor*> cursors_;
};

// How far one text has come. Used by the constraint's thread alone.
class ConstraintCursor {
 public:
  explicit ConstraintCursor(std::shared_ptr<Constraint> constraint);
  ~ConstraintCursor();
  ConstraintCursor(const ConstraintCursor&) = delete;
  ConstraintCursor& operator=(const ConstraintCursor&) = delete;

  // The tokens that may come next, without those that end the text: see CanEnd. Valid until the
  // next call of any cursor of the constraint. INVALID_ARGUMENT: Constraint::kMaxSteps did not
  // suffice.
  absl::StatusOr<const TokenMask*> Allowed() { return constraint_->MaskOf(state_); }

  // Whether `token` is one of those that Allowed would give, found without the others. Takes what
  // it took off `steps`; INVALID_ARGUMENT if they did not suffice.
  absl::StatusOr<bool> Allows(TokenId token, std::size_t& steps) const;

  // The text goes on with an allowed token.
  void Append(TokenId token);

  // Ids of tokens are below this.
  std::size_t vocab_size() const { return constraint_->trie_.vocab_size(); }

  bool CanEnd() const { return constraint_->automaton_->CanEnd(state_); }
  bool MustEnd() const { return constraint_->automaton_->MustEnd(state_); }

  // What MustEnd would say after Append(token). REQUIRES: the token is allowed, or ends the text.
  bool MustEndAfter(TokenId token) const { return constraint_->automaton_->MustEnd(After(token)); }

  // The bytes that must come next, whatever the model says: at most `limit` of them.
  std::string ForcedBytes(std::size_t limit) const;

 private:
  friend class Constraint;

  Automaton::State After(TokenId token) const;

  std::shared_ptr<Constraint> constraint_;
  Automaton::State state_;
};

}  // namespace cascade::model
