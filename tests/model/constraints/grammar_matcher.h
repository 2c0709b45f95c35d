// SPDX-License-Identifier: Apache-2.0
// What a grammar means, in the plainest way: slow, and right at a glance. For tests.
#pragma once

#include <random>
#include <string>

#include "absl/strings/string_view.h"
#include "model/constraints/grammar.h"

namespace cascade::testing {

// Whether `text` is one of the grammar's. Not for grammars whose rules begin with themselves.
bool Matches(const model::Grammar& grammar, absl::string_view text);

// A random text of the grammar, which must have one. Lists are mostly short, and rules that call
// themselves end soon.
std::string Sample(const model::Grammar& grammar, std::mt19937& random);

}  // namespace cascade::testing
