// SPDX-License-Identifier: Apache-2.0
// Random requests for the tiny engine, of every kind that there is.
#pragma once

#include <random>
#include <span>

#include "model/constraints/token_trie.h"
#include "tests/server/engine/comparing_sink.h"

namespace cascade::testing {

// What is asked for, and not yet what is expected. Some prompts begin like an `earlier` one, or go
// on where it ended. `trie`, of the tiny engine's tokens, is borrowed by constraints.
Template AnyTemplate(std::span<const Template> earlier, const model::TokenTrie& trie,
                     std::mt19937& rng);

}  // namespace cascade::testing
