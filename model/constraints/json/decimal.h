// SPDX-License-Identifier: Apache-2.0
// Numbers of JSON as the decimal digits that they are, so that none is rounded.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace cascade::model {

// A number: -?integer.fraction
struct Decimal {
  Decimal() = default;
  // The value of a number of JSON. An exponent below -400 makes it 0, as it does with a double.
  explicit Decimal(absl::string_view json_number);

  bool is_integer() const { return fraction.empty(); }
  bool is_zero() const { return integer.empty() && fraction.empty(); }

  bool negative = false;  // never of zero
  std::string integer;    // digits without zeros in front; empty: 0
  std::string fraction;   // digits without zeros behind
};

// Below, equal to or above 0 as `a` is below, equal to or above `b`.
int Compare(const Decimal& a, const Decimal& b);

// The same without regard to signs.
int CompareMagnitudes(const Decimal& a, const Decimal& b);

}  // namespace cascade::model
