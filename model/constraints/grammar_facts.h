// SPDX-License-Identifier: Apache-2.0
// What must be known of a grammar before it is turned into a machine.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "model/constraints/grammar.h"

namespace cascade::model {

// Which expressions and rules have texts at all, and which of them the empty one.
class GrammarFacts {
 public:
  // The deepest that expressions may nest, not counting calls of rules.
  static constexpr std::size_t kMaxDepth = 1000;

  // Computes them. Check first whether status() is OK.
  explicit GrammarFacts(const Grammar& grammar);

  // INVALID_ARGUMENT: a rule is called that is not defined, expressions nest deeper than kMaxDepth,
  // or a rule begins with itself, before it has read a byte.
  const absl::Status& status() const { return status_; }

  bool HasTexts(Grammar::Expression expression) const { return has_texts_[expression.index]; }
  bool HasEmptyText(Grammar::Expression expression) const { return has_empty_[expression.index]; }

 private:
  absl::Status CheckShape() const;
  absl::Status CheckLeftRecursion() const;
  std::optional<Grammar::Expression> NextFirstPart(Grammar::Expression expression,
                                                   std::size_t& next) const;
  absl::Status BeginsWithItself(Grammar::Rule rule) const;

  const Grammar& grammar_;
  std::vector<bool> has_texts_;  // by expression
  std::vector<bool> has_empty_;
  absl::Status status_;
};

}  // namespace cascade::model
