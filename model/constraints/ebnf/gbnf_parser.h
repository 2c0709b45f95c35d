// SPDX-License-Identifier: Apache-2.0
// GBNF, the notation of llama.cpp.
#pragma once

#include <utility>
#include <vector>

#include "model/constraints/ebnf/ebnf_parser.h"

namespace cascade::model {

// ebnf.h says what is read.
class GbnfParser final : public EbnfParser {
 public:
  explicit GbnfParser(EbnfScanner scanner) : EbnfParser(std::move(scanner)) {}

 private:
  absl::Status ParseStatement() override;
  bool AtStatement() override;
  absl::StatusOr<Expression> ParseAtom(std::size_t depth) override;
  absl::StatusOr<Expression> ParseQuantifier(Expression atom) override;
  void SkipSpace() override { scanner_.SkipSpace(/*slashes_too=*/false); }

  absl::StatusOr<Expression> ParseClass();
  absl::StatusOr<char32_t> TakeClassCharacter();
  absl::StatusOr<Expression> ParseCounts(Expression atom);
};

}  // namespace cascade::model
