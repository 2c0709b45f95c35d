// SPDX-License-Identifier: Apache-2.0

#include "model/constraints/json/number_ranges.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace cascade::model {
namespace {

using Expression = Grammar::Expression;

constexpr std::size_t kDigits = 15;  // that a double holds, whatever they are

Expression Digits(char first, char last, Grammar& grammar) {
  ByteSet set;
  for (char digit = first; digit <= last; ++digit) set.set(static_cast<unsigned char>(digit));
  return grammar.Bytes(set);
}

// Writes the digits of numbers between two bounds, from the first digit to the last. What may
// follow depends on whether the digits so far are those of a bound, and so can still leave the
// range, or are already within.
class DigitWriter {
 public:
  // The digits of the bounds are compared as if zeros without end followed them.
  // `must_fill`: all texts have `length` digits; else from one digit up to `length`.
  DigitWriter(absl::string_view least, absl::string_view greatest, std::size_t length,
              bool must_fill, Grammar& grammar)
      : least_(least),
        greatest_(greatest),
        length_(length),
        must_fill_(must_fill),
        grammar_(grammar) {}

  // Whether the bounds themselves are no numbers of the range.
  void Exclude(bool least, bool greatest) {
    least_is_out_ = least;
    greatest_is_out_ = greatest;
  }

  // What may follow `position` digits; nothing if no text may.
  std::optional<Expression> From(std::size_t position, bool at_least, bool at_greatest) {
    if (position == length_) {
      if (!MayEnd(position, at_least, at_greatest)) return std::nullopt;
      return grammar_.Empty();
    }
    // Only zeros left of the least number, or nines of the greatest: any digits are within.
    at_least = at_least && !(must_fill_ && OnlyLeft(least_, position, '0'));
    at_greatest = at_greatest && !(must_fill_ && OnlyLeft(greatest_, position, '9'));
    if (!at_least && !at_greatest) return AnyDigits(position);
    std::vector<Expression> ways;
    if (position > 0 && !must_fill_ && MayEnd(position, at_least, at_greatest)) {
      ways.push_back(grammar_.Empty());
    }
    const char low = at_least ? At(least_, position) : '0';
    const char high = at_greatest ? At(greatest_, position) : '9';
    AddWays(position, low, high, {at_least, at_greatest}, ways);
    if (ways.empty()) return std::nullopt;
    return ways.size() == 1 ? ways.front() : grammar_.Choice(ways);
  }

 private:
  struct Tight {
    bool at_least = false;
    bool at_greatest = false;
  };

  static char At(absl::string_view digits, std::size_t position) {
    return position < digits.size() ? digits[position] : '0';
  }

  static bool OnlyLeft(absl::string_view digits, std::size_t position, char digit) {
    return digits.substr(position).find_first_not_of(digit) == absl::string_view::npos;
  }

  // The first digit of the rest: a bound's, or one between them.
  void AddWays(std::size_t position, char low, char high, Tight tight,
               std::vector<Expression>& ways) {
    if (low > high) return;
    char first_free = low;
    char last_free = high;
    if (tight.at_least) {
      AddWay(position, low, {true, tight.at_greatest && low == high}, ways);
      ++first_free;
    }
    if (tight.at_greatest && (!tight.at_least || low < high)) {
      AddWay(position, high, {false, true}, ways);
    }
    if (tight.at_greatest) --last_free;
    if (first_free > last_free) return;
    ways.push_back(
        grammar_.Sequence({Digits(first_free, last_free, grammar_), AnyDigits(position + 1)}));
  }

  void AddWay(std::size_t position, char digit, Tight tight, std::vector<Expression>& ways) {
    const std::optional<Expression> rest = From(position + 1, tight.at_least, tight.at_greatest);
    if (rest) ways.push_back(grammar_.Sequence({Digits(digit, digit, grammar_), *rest}));
  }

  Expression AnyDigits(std::size_t position) {
    const std::size_t most = length_ - position;
    const std::size_t least = must_fill_ ? most : (position == 0 ? 1 : 0);
    return grammar_.Repeat(Digits('0', '9', grammar_), least, most);
  }

  // Whether the digits so far are a number of the range, if no more follow.
  bool MayEnd(std::size_t position, bool at_least, bool at_greatest) const {
    if (at_least && (least_is_out_ || position < least_.size())) return false;
    return !at_greatest || position < greatest_.size() || !greatest_is_out_;
  }

  absl::string_view least_;
  absl::string_view greatest_;
  std::size_t length_;
  bool must_fill_;
  Grammar& grammar_;
  bool least_is_out_ = false;
  bool greatest_is_out_ = false;
};

// Appends the integers from `least` to `greatest`.
void AppendIntegers(std::uint64_t least, std::uint64_t greatest, Grammar& grammar,
                    std::vector<Expression>& ways) {
  if (least > greatest) return;
  const std::string low = absl::StrCat(least);
  const std::string high = absl::StrCat(greatest);
  for (std::size_t length = low.size(); length <= high.size(); ++length) {
    const std::string from =
        length == low.size() ? low : absl::StrCat("1", std::string(length - 1, '0'));
    const std::string to = length == high.size() ? high : std::string(length, '9');
    DigitWriter writer(from, to, length, /*must_fill=*/true, grammar);
    if (const auto digits = writer.From(0, true, true)) ways.push_back(*digits);
  }
}

// What is written for magnitudes in one range, or with a minus sign in another.
absl::StatusOr<Expression> WithSigns(const std::vector<Expression>& negative,
                                     std::vector<Expression> ways, Grammar& grammar) {
  if (!negative.empty()) {
    ways.push_back(grammar.Sequence({grammar.Literal("-"), grammar.Choice(negative)}));
  }
  if (ways.empty()) {
    return absl::InvalidArgumentError("no such number is within the bounds");
  }
  return ways.size() == 1 ? ways.front() : grammar.Choice(ways);
}

constexpr std::int64_t kGreatest = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();

// The value of the digits before the point, or the greatest of 64 bits.
std::uint64_t IntegerPart(const Decimal& value) {
  std::uint64_t integer = 0;
  if (value.integer.empty()) return 0;
  if (absl::SimpleAtoi(value.integer, &integer)) return integer;
  return std::numeric_limits<std::uint64_t>::max();
}

// The greatest integer that is not above the bound, within 64 bits; nothing if all are above it.
std::optional<std::int64_t> Floor(const NumberBound& bound) {
  const std::uint64_t integer = IntegerPart(bound.value);
  const bool steps_down = bound.value.is_integer() ? bound.exclusive : bound.value.negative;
  constexpr auto kEdge = static_cast<std::uint64_t>(kGreatest);
  if (!bound.value.negative) {
    if (integer > kEdge) return kGreatest;
    return static_cast<std::int64_t>(integer) - (steps_down ? 1 : 0);
  }
  const std::uint64_t step = steps_down ? 1 : 0;
  if (integer > kEdge + 1 - step) return std::nullopt;
  return -static_cast<std::int64_t>(integer + step - 1) - 1;
}

// The least that is not below it, within 64 bits; nothing if all are below it.
std::optional<std::int64_t> Ceiling(const NumberBound& bound) {
  const std::uint64_t integer = IntegerPart(bound.value);
  const bool steps_up = bound.value.is_integer() ? bound.exclusive : !bound.value.negative;
  constexpr auto kEdge = static_cast<std::uint64_t>(kGreatest);
  const std::int64_t step = steps_up ? 1 : 0;
  if (!bound.value.negative) {
    if (integer > kEdge - static_cast<std::uint64_t>(step)) return std::nullopt;
    return static_cast<std::int64_t>(integer) + step;
  }
  if (integer > kEdge + 1) return kLeast;
  return integer == 0 ? 0 : -static_cast<std::int64_t>(integer - 1) - 1 + step;
}

// Bounds of magnitudes: of numbers without their signs.
struct Magnitudes {
  NumberBound least;
  NumberBound greatest;

  bool empty() const {
    const int order = CompareMagnitudes(least.value, greatest.value);
    return order > 0 || (order == 0 && (least.exclusive || greatest.exclusive));
  }
};

// Appends the numbers of the range whose integer part is `integer`.
void AppendFractions(std::uint64_t integer, const Magnitudes& range, std::size_t length,
                     Grammar& grammar, std::vector<Expression>& ways) {
  const Decimal& least = range.least.value;
  const Decimal& greatest = range.greatest.value;
  const bool at_least = IntegerPart(least) == integer;
  const bool at_greatest = IntegerPart(greatest) == integer;
  std::vector<Expression> rest;
  if ((!at_least || (least.is_integer() && !range.least.exclusive)) &&
      (!at_greatest || !greatest.is_integer() || !range.greatest.exclusive)) {
    rest.push_back(grammar.Empty());
  }
  if (length > 0) {
    DigitWriter writer(least.fraction, greatest.fraction, length, /*must_fill=*/false, grammar);
    writer.Exclude(range.least.exclusive, range.greatest.exclusive);
    if (const auto digits = writer.From(0, at_least, at_greatest)) {
      rest.push_back(grammar.Sequence({grammar.Literal("."), *digits}));
    }
  }
  if (rest.empty()) return;
  ways.push_back(grammar.Sequence({grammar.Literal(absl::StrCat(integer)), grammar.Choice(rest)}));
}

// Appends the numbers of the range, whose bounds have at most kDigits digits before the point.
void AppendNumbers(const Magnitudes& range, Grammar& grammar, std::vector<Expression>& ways) {
  if (range.empty()) return;
  const std::uint64_t low = IntegerPart(range.least.value);
  const std::uint64_t high = IntegerPart(range.greatest.value);
  const std::size_t length = kDigits - std::min(kDigits, range.greatest.value.integer.size());
  AppendFractions(low, range, length, grammar, ways);
  if (low == high) return;
  std::vector<Expression> between;
  AppendIntegers(low + 1, high - 1, grammar, between);
  if (!between.empty()) {
    // Integers between the bounds' may have any fraction.
    std::vector<Expression> parts = {grammar.Choice(between)};
    if (length > 0) {
      parts.push_back(grammar.Optional(grammar.Sequence(
          {grammar.Literal("."), grammar.Repeat(Digits('0', '9', grammar), 1, length)})));
    }
    ways.push_back(grammar.Sequence(parts));
  }
  AppendFractions(high, range, length, grammar, ways);
}

NumberBound Bound(absl::string_view number, bool exclusive) {
  return {.value = Decimal(number), .exclusive = exclusive};
}

NumberBound WithoutSign(NumberBound bound) {
  bound.value.negative = false;
  return bound;
}

bool IsTooGreat(const std::optional<NumberBound>& bound) {
  return bound && bound->value.integer.size() > kDigits;
}

// The bound that stands for none on the side where `other` is not: far away, but near enough to
// leave digits for fractions.
NumberBound FarBound(const std::optional<NumberBound>& other) {
  const bool is_near = !other || CompareMagnitudes(other->value, Decimal("1e8")) < 0;
  return Bound(is_near ? "1e9" : "999999999999999", /*exclusive=*/is_near);
}

}  // namespace

absl::StatusOr<Grammar::Expression> AddIntegers(const NumberRange& range, Grammar& grammar) {
  constexpr std::int64_t kFar = 999'999'999'999'999;
  std::optional<std::int64_t> least = range.least ? Ceiling(*range.least) : -kFar;
  std::optional<std::int64_t> greatest = range.greatest ? Floor(*range.greatest) : kFar;
  if (!least || !greatest) {
    return absl::InvalidArgumentError("integers beyond 64 bits are not supported");
  }
  if (!range.least && *greatest < -kFar) least = kLeast;
  if (!range.greatest && *least > kFar) greatest = kGreatest;
  std::vector<Expression> negative;
  std::vector<Expression> ways;
  const auto magnitude = [](std::int64_t value) {
    return static_cast<std::uint64_t>(-(value + 1)) + 1;
  };
  if (*least <= *greatest) {
    if (*least < 0) {
      AppendIntegers(*greatest < 0 ? magnitude(*greatest) : 1, magnitude(*least), grammar,
                     negative);
    }
    if (*greatest >= 0) {
      AppendIntegers(static_cast<std::uint64_t>(std::max<std::int64_t>(*least, 0)),
                     static_cast<std::uint64_t>(*greatest), grammar, ways);
    }
  }
  return WithSigns(negative, std::move(ways), grammar);
}

absl::StatusOr<Grammar::Expression> AddNumbers(const NumberRange& range, Grammar& grammar) {
  if (IsTooGreat(range.least) || IsTooGreat(range.greatest)) {
    return absl::InvalidArgumentError(
        absl::StrCat("bounds of numbers may have at most ", kDigits, " digits before the point"));
  }
  NumberBound least = FarBound(range.greatest);
  least.value.negative = true;
  if (range.least) least = *range.least;
  const NumberBound greatest = range.greatest.value_or(FarBound(range.least));
  std::vector<Expression> negative;
  std::vector<Expression> ways;
  if (least.value.negative) {
    const NumberBound nearest =
        greatest.value.negative ? WithoutSign(greatest) : Bound("0", /*exclusive=*/true);
    AppendNumbers({nearest, WithoutSign(least)}, grammar, negative);
  }
  if (!greatest.value.negative) {
    AppendNumbers({least.value.negative ? Bound("0", /*exclusive=*/false) : least, greatest},
                  grammar, ways);
  }
  return WithSigns(negative, std::move(ways), grammar);
}

}  // namespace cascade::model
