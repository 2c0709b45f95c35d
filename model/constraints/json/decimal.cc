// SPDX-License-Identifier: Apache-2.0

#include "model/constraints/json/decimal.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "absl/strings/numbers.h"

namespace cascade::model {
namespace {

// Exponents beyond it come with no number that a double holds.
constexpr int kMaxExponent = 400;

int Sign(int compared) { return (compared > 0) - (compared < 0); }

// The exponent of a number, which is cut off.
int TakeExponent(absl::string_view& number) {
  const std::size_t mark = number.find_first_of("eE");
  if (mark == absl::string_view::npos) return 0;
  absl::string_view digits = number.substr(mark + 1);
  number = number.substr(0, mark);
  const bool negative = digits.front() == '-';
  digits.remove_prefix(digits.front() == '-' || digits.front() == '+' ? 1 : 0);
  int exponent = 0;
  if (!absl::SimpleAtoi(digits, &exponent)) exponent = kMaxExponent + 1;
  return negative ? -exponent : exponent;
}

}  // namespace

Decimal::Decimal(absl::string_view json_number) {
  const int exponent = TakeExponent(json_number);
  if (exponent < -kMaxExponent) return;
  negative = !json_number.empty() && json_number.front() == '-';
  if (negative) json_number.remove_prefix(1);
  const std::size_t point = std::min(json_number.find('.'), json_number.size());
  integer = std::string(json_number.substr(0, point));
  if (point < json_number.size()) fraction = std::string(json_number.substr(point + 1));
  const auto shift = static_cast<std::size_t>(std::min(std::abs(exponent), kMaxExponent));
  if (exponent > 0) {
    fraction.append(shift - std::min(shift, fraction.size()), '0');
    integer += fraction.substr(0, shift);
    fraction.erase(0, shift);
  } else {
    integer.insert(0, shift - std::min(shift, integer.size()), '0');
    fraction.insert(0, integer, integer.size() - shift, shift);
    integer.erase(integer.size() - shift);
  }
  integer.erase(0, std::min(integer.find_first_not_of('0'), integer.size()));
  fraction.erase(fraction.find_last_not_of('0') + 1);
  if (is_zero()) negative = false;
}

int CompareMagnitudes(const Decimal& a, const Decimal& b) {
  if (a.integer.size() != b.integer.size()) return a.integer.size() < b.integer.size() ? -1 : 1;
  const int integers = a.integer.compare(b.integer);
  return Sign(integers != 0 ? integers : a.fraction.compare(b.fraction));
}

int Compare(const Decimal& a, const Decimal& b) {
  if (a.negative != b.negative) return a.negative ? -1 : 1;
  return a.negative ? CompareMagnitudes(b, a) : CompareMagnitudes(a, b);
}

}  // namespace cascade::model
