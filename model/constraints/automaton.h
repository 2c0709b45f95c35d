// SPDX-License-Identifier: Apache-2.0
// A grammar's machine, made deterministic as far as it is used.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/hash/hash.h"
#include "model/constraints/nfa.h"

namespace cascade::model {

// Each state stands for a set of places where the machine may be, each with the calls of rules that
// it must come back from. States and the ways between them are made when they are first asked for,
// since a grammar may have endlessly many.
//
// Reference for the construction: RE2's DFA, with a stack for each place as in pushdown automata.
// Not thread-safe.
class Automaton {
 public:
  using State = std::uint32_t;
  static constexpr State kDead = 0;  // what was read is the beginning of no text

  // `steps` as for BeginWalk: for finding the start.
  Automaton(std::shared_ptr<const Nfa> nfa, std::size_t steps);

  State start() const { return start_; }

  // The state after `byte`. Also kDead once exhausted().
  State Next(State state, std::uint8_t byte) {
    if (states_[state].walk != walk_ && !Visit(state)) return kDead;
    return rows_[states_[state].row + nfa_->byte_class(byte)];
  }

  // The one byte that `state` may go on with; nothing if there are several.
  std::optional<std::uint8_t> OnlyByte(State state);

  bool CanEnd(State state) const { return states_[state].can_end; }  // what was read is a text
  bool MustEnd(State state) const { return CanEnd(state) && states_[state].places->empty(); }

  // Begins a walk, which may take so many steps, a step being one place looked at to find the ways
  // out of a state. Each state counts once in a walk, whether its ways out were known before or
  // not: what a walk takes does not depend on earlier ones. When the steps are used up the walk is
  // exhausted, and its answers are no longer right.
  void BeginWalk(std::size_t steps) {
    ++walk_;
    steps_left_ = steps;
  }
  bool exhausted() const { return steps_left_ == 0; }
  std::size_t steps_left() const { return steps_left_; }

  // The same state, in this automaton, of an automaton of the same Nfa.
  State Import(const Automaton& other, State state);

  std::size_t bytes() const { return bytes_; }  // of memory that grows with its states, about

  // Of memory that does not.
  static std::size_t FixedBytes(const Nfa& nfa) { return nfa.size() * sizeof(Mark); }

 private:
  // Calls that must be come back from: linked from the innermost, each list stored once. 0: none.
  using Frames = std::uint32_t;
  struct Frame {
    Nfa::State back_to = 0;
    Frames outer = 0;
    friend bool operator==(const Frame&, const Frame&) = default;
    template <typename H>
    friend H AbslHashValue(H hash, const Frame& frame) {
      return H::combine(std::move(hash), frame.back_to, frame.outer);
    }
  };
  struct Place {
    Nfa::State state = 0;
    Frames frames = 0;
    friend auto operator<=>(const Place&, const Place&) = default;
    template <typename H>
    friend H AbslHashValue(H hash, const Place& place) {
      return H::combine(std::move(hash), place.state, place.frames);
    }
  };
  // The last closure that came by an NFA state, and with which calls.
  struct Mark {
    std::uint32_t closure = 0;
    Frames frames = 0;
  };
  using Places = std::vector<Place>;  // ascending, each once; all of them read a byte

  static constexpr std::uint32_t kNoRow = ~std::uint32_t{0};
  struct StateData {
    const Places* places = nullptr;  // a key of state_of_
    bool can_end = false;
    std::uint32_t row = kNoRow;  // where in rows_ its ways out are
    std::uint32_t steps = 0;     // that it took to find them
    std::uint64_t walk = 0;      // the last that came by
  };

  bool Visit(State state);        // the first time in a walk; false if there are too few steps left
  bool Expand(State state);       // likewise
  State StateOf(Places reached);  // makes it if it is new
  bool Close(Places reached,
             Places& places);      // follows what reads no byte; whether it can end there
  bool IsNew(const Place& place);  // to this closure
  Frames PushFrame(Nfa::State back_to, Frames outer);
  bool TakeStep();  // false if there is none left

  std::shared_ptr<const Nfa> nfa_;
  std::vector<StateData> states_;
  std::vector<State> rows_;  // byte_classes() for each expanded state
  std::vector<Frame> frames_;
  // The standard's maps: memory may run out, which Abseil's do not survive.
  std::unordered_map<Frame, Frames, absl::Hash<Frame>> frames_of_;
  using Key = std::pair<Places, bool>;  // and whether the text can end there
  std::unordered_map<Key, State, absl::Hash<Key>> state_of_;
  std::vector<Mark> marks_;  // by NFA state
  std::set<Place> others_;   // that this closure came by and that no mark tells
  std::uint32_t closure_ = 0;
  std::size_t steps_left_;
  std::uint64_t walk_ = 1;
  std::size_t bytes_ = 0;
  State start_ = kDead;
};

}  // namespace cascade::model
