// SPDX-License-Identifier: Apache-2.0
// Constraints for tests.
#pragma once

#include <memory>
#include <string>

#include "model/constraints/constraint.h"
#include "model/constraints/constraint_spec.h"
#include "model/constraints/token_trie.h"
#include "tests/support/value_or_die.h"

namespace cascade::testing {

// The texts that a regular expression matches. `trie` is borrowed.
inline std::shared_ptr<model::Constraint> ConstraintTo(const std::string& regex,
                                                       const model::TokenTrie& trie) {
  model::ConstraintSpec spec;
  spec.text = regex;
  return ValueOrDie(model::Constraint::Make(ValueOrDie(model::GrammarOf(spec)), trie));
}

}  // namespace cascade::testing
