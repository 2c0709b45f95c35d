// SPDX-License-Identifier: Apache-2.0

#include "model/constraints/ebnf/ebnf.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "model/constraints/ebnf/ebnf_scanner.h"
#include "model/constraints/ebnf/gbnf_parser.h"
#include "model/constraints/ebnf/lark_parser.h"
#include "model/constraints/utf8.h"

namespace cascade::model {
namespace {

enum class Notation { kGbnf, kLark, kUnknown };

// What the first definition is written in. A directive or a comment of two slashes is Lark's.
Notation NotationOf(EbnfScanner& scanner) {
  scanner.SkipSpace(/*slashes_too=*/false);
  if (scanner.StartsWith("%") || scanner.StartsWith("//") || scanner.StartsWith("?") ||
      scanner.StartsWith("!")) {
    return Notation::kLark;
  }
  if (scanner.TakeName(/*dashes=*/true).empty()) return Notation::kUnknown;
  scanner.SkipSpace(/*slashes_too=*/false);
  if (scanner.StartsWith("::=")) return Notation::kGbnf;
  // A point begins the priority of a rule.
  const bool is_lark = scanner.StartsWith(":") || scanner.StartsWith(".");
  return is_lark ? Notation::kLark : Notation::kUnknown;
}

absl::StatusOr<Grammar> Parsed(std::u32string text) {
  EbnfScanner scanner(text);
  switch (NotationOf(scanner)) {
    case Notation::kGbnf:
      return GbnfParser(EbnfScanner(std::move(text))).Parse("root");
    case Notation::kLark:
      return LarkParser(EbnfScanner(std::move(text))).Parse("start");
    default:
      return scanner.Expected("a rule, name ::= ... (GBNF) or name: ... (Lark)");
  }
}

}  // namespace

absl::StatusOr<Grammar> GrammarOfEbnf(absl::string_view text) {
  std::optional<std::u32string> characters = DecodeUtf8(text);
  if (!characters) return absl::InvalidArgumentError("it is not valid UTF-8");
  return Parsed(*std::move(characters));
}

}  // namespace cascade::model
