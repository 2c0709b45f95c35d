// SPDX-License-Identifier: Apache-2.0
// Asks a grammar's automaton.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/strings/string_view.h"
#include "model/constraints/automaton.h"
#include "model/constraints/grammar.h"
#include "model/constraints/nfa.h"
#include "tests/support/value_or_die.h"

namespace cascade::testing {

inline constexpr std::size_t kPlentyOfSteps = 10'000'000;

inline model::Automaton MakeAutomaton(const model::Grammar& grammar) {
  return {std::make_shared<const model::Nfa>(ValueOrDie(model::Nfa::Make(grammar))),
          kPlentyOfSteps};
}

// The state after `text`, from the start.
inline model::Automaton::State StateAfter(model::Automaton& automaton, absl::string_view text) {
  automaton.BeginWalk(kPlentyOfSteps);
  model::Automaton::State state = automaton.start();
  for (const char byte : text) state = automaton.Next(state, static_cast<std::uint8_t>(byte));
  return state;
}

inline bool Accepts(model::Automaton& automaton, absl::string_view text) {
  return automaton.CanEnd(StateAfter(automaton, text));
}

}  // namespace cascade::testing
