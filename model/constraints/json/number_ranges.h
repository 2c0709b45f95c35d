// SPDX-License-Identifier: Apache-2.0
// Numbers between bounds, as texts of JSON.
#pragma once

#include <optional>

#include "absl/status/statusor.h"
#include "model/constraints/grammar.h"
#include "model/constraints/json/decimal.h"

namespace cascade::model {

// One end of a range of numbers.
struct NumberBound {
  Decimal value;
  bool exclusive = false;
};

struct NumberRange {
  std::optional<NumberBound> least;
  std::optional<NumberBound> greatest;

  bool bounded() const { return least.has_value() || greatest.has_value(); }
};

// Adds all integers of the range, written without fraction and exponent. Where a side has no bound,
// those of at most 15 digits on that side; where the bound is beyond 64 bits, those within.
// INVALID_ARGUMENT if there are none.
absl::StatusOr<Grammar::Expression> AddIntegers(const NumberRange& range, Grammar& grammar);

// Adds the numbers of the range with at most 15 digits in all, so that a double tells any two of
// them apart and rounds none across a bound; without an exponent. INVALID_ARGUMENT if there are
// none.
absl::StatusOr<Grammar::Expression> AddNumbers(const NumberRange& range, Grammar& grammar);

}  // namespace cascade::model
