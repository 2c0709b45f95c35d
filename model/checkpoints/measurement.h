// SPDX-License-Identifier: Apache-2.0
// What one checkpoint measured.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "absl/strings/string_view.h"
#include "model/mat_view.h"
#include "model/token.h"

namespace cascade::model {

// One element that is not as expected.
struct Mismatch {
  std::string what;     // the tensor, prompt or number that was compared, such as "block 0, head 1"
  std::string element;  // its index: "[3, 17]", "token 5", "byte 12"
  std::string expected;
  std::string found;
  std::size_t others = 0;  // further elements of the same comparison that are outside
};

// "block 0, head 1, element [3, 17]: expected 0.25, found 0.75 (and 11 others)"
std::string Describe(const Mismatch& mismatch);

// Adds up comparisons of one tolerance. Not thread-safe.
class Measurement {
 public:
  // `tolerance` is the largest absolute error; 0: every bit must agree.
  explicit Measurement(double tolerance) : tolerance_(tolerance) {}

  // Compares element by element, as Compare() does. `what` says what is compared, for messages.
  void CompareMatrices(ConstMatF actual, ConstMatF expected, absl::string_view what);

  // One number more.
  void CompareNumbers(double actual, double expected, absl::string_view what);

  // Token ids, in this order. A missing or additional id is a mismatch too.
  void CompareTokens(std::span<const TokenId> actual, std::span<const TokenId> expected,
                     absl::string_view what);

  // Byte by byte. Counts as one element.
  void CompareTexts(absl::string_view actual, absl::string_view expected, absl::string_view what);

  // True if something was compared and nothing was outside the tolerance.
  bool passed() const { return compared_ > 0 && outside_ == 0; }

  double tolerance() const { return tolerance_; }
  std::size_t compared() const { return compared_; }  // elements
  std::size_t outside() const { return outside_; }
  double max_abs_error() const { return max_abs_error_; }  // of matrices and numbers

  // The worst element of the first comparison that failed; empty if none did.
  const std::optional<Mismatch>& mismatch() const { return mismatch_; }

 private:
  void Count(std::size_t compared, std::size_t outside, Mismatch mismatch);

  double tolerance_;
  std::size_t compared_ = 0;
  std::size_t outside_ = 0;
  double max_abs_error_ = 0;
  std::optional<Mismatch> mismatch_;
};

}  // namespace cascade::model
