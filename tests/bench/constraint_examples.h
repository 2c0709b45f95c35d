// SPDX-License-Identifier: Apache-2.0
// Constraints such as requests have, for constraint_bench.
#pragma once

#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "model/constraints/constraint_spec.h"
#include "model/token.h"

namespace cascade::bench {

// With names for a table.
std::vector<std::pair<std::string, model::ConstraintSpec>> ConstraintExamples();

model::ConstraintSpec AnyJson();
model::ConstraintSpec PersonSchema();  // an object of ten properties

// A random one of the tokens that are not excluded. REQUIRES: there is one.
model::TokenId AnyAllowed(std::span<const float> logits, std::mt19937& random);

}  // namespace cascade::bench
