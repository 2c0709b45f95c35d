// SPDX-License-Identifier: Apache-2.0
// The notation of Lark.
#pragma once

#include <string>
#include <utility>

#include "model/constraints/ebnf/ebnf_parser.h"

namespace cascade::model {

// ebnf.h says what is read.
class LarkParser final : public EbnfParser {
 public:
  explicit LarkParser(EbnfScanner scanner) : EbnfParser(std::move(scanner)) {}

 private:
  absl::Status ParseStatement() override;
  bool AtStatement() override;
  absl::StatusOr<Expression> ParseAtom(std::size_t depth) override;
  absl::StatusOr<Expression> ParseQuantifier(Expression atom) override;
  absl::Status SkipAlias() override;
  void SkipSpace() override { scanner_.SkipSpace(/*slashes_too=*/true); }

  // The name that a definition has, with what may stand before and after it, up to the colon; empty
  // if none comes.
  std::string TakeDefinition();
  absl::Status ParseDirective();
  absl::Status ParseImport();
  absl::Status Import(const std::string& name, const std::string& alias, std::size_t position);
  absl::StatusOr<Expression> ParseText();
  absl::StatusOr<Expression> ParseRegex();
  absl::StatusOr<Expression> ParseTimes(Expression atom);
};

}  // namespace cascade::model
