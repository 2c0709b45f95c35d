// SPDX-License-Identifier: Apache-2.0

#include "model/constraints/ebnf/gbnf_parser.h"

#include <optional>
#include <string>

#include "model/constraints/utf8_ranges.h"

namespace cascade::model {
namespace {

using Expression = Grammar::Expression;

constexpr absl::string_view kEscapable = "\"\\[]^-";

}  // namespace

absl::Status GbnfParser::ParseStatement() {
  const std::size_t position = scanner_.position();
  const std::string name = scanner_.TakeName(/*dashes=*/true);
  if (name.empty()) return scanner_.Expected("a rule: name ::= ...");
  SkipSpace();
  if (!scanner_.Skip("::=")) return scanner_.Expected("::= after a rule's name");
  const absl::StatusOr<Grammar::Rule> rule = Define(name, position);
  if (!rule.ok()) return rule.status();
  const absl::StatusOr<Expression> body = ParseAlternatives(/*depth=*/0);
  if (!body.ok()) return body.status();
  if (!scanner_.AtEnd() && !AtStatement()) {
    return scanner_.Expected("the end of the rule, since no group is open");
  }
  grammar_.Define(*rule, *body);
  return absl::OkStatus();
}

bool GbnfParser::AtStatement() {
  const std::size_t position = scanner_.position();
  const bool has_name = !scanner_.TakeName(/*dashes=*/true).empty();
  if (has_name) SkipSpace();
  const bool is_definition = has_name && scanner_.StartsWith("::=");
  scanner_.Return(position);
  return is_definition;
}

absl::StatusOr<Expression> GbnfParser::ParseAtom(std::size_t depth) {
  if (scanner_.Skip("(")) return ParseGroup(depth, ")");
  if (scanner_.Skip("[")) return ParseClass();
  if (scanner_.Skip(".")) return grammar_.Characters(Complement({}));
  if (scanner_.Skip("\"")) {
    const absl::StatusOr<std::string> text = scanner_.TakeQuoted(kEscapable);
    if (!text.ok()) return text.status();
    return grammar_.Literal(*text);
  }
  const std::size_t position = scanner_.position();
  const std::string name = scanner_.TakeName(/*dashes=*/true);
  if (name.empty()) return scanner_.Expected("\"text\", [class], a rule's name, ( or .");
  return Call(name, position);
}

absl::StatusOr<Expression> GbnfParser::ParseClass() {
  const std::size_t start = scanner_.position() - 1;
  const bool is_negated = scanner_.Skip("^");
  std::vector<CodePointRange> ranges;
  while (!scanner_.Skip("]")) {
    if (scanner_.AtEnd()) return scanner_.ErrorAt(start, "expected a ] that closes this class");
    const absl::StatusOr<char32_t> first = TakeClassCharacter();
    if (!first.ok()) return first.status();
    CodePointRange range = {*first, *first};
    if (scanner_.StartsWith("-") && !scanner_.StartsWith("-]")) {
      scanner_.Skip("-");
      const absl::StatusOr<char32_t> last = TakeClassCharacter();
      if (!last.ok()) return last.status();
      range.last = *last;
    }
    if (range.first > range.last) {
      return scanner_.Error("expected a range from one character to a later one");
    }
    ranges.push_back(range);
  }
  return grammar_.Characters(is_negated ? Complement(ranges) : ranges);
}

absl::StatusOr<char32_t> GbnfParser::TakeClassCharacter() {
  if (scanner_.AtEnd()) return scanner_.Expected("a character of a class");
  const char32_t character = scanner_.Take();
  if (character != '\\') return character;
  return scanner_.TakeEscape(kEscapable);
}

absl::StatusOr<Expression> GbnfParser::ParseQuantifier(Expression atom) {
  while (true) {
    if (scanner_.Skip("{")) {
      const absl::StatusOr<Expression> counted = ParseCounts(atom);
      if (!counted.ok()) return counted.status();
      atom = *counted;
    } else if (!TakeSimpleQuantifier(atom)) {
      return atom;
    }
    SkipSpace();
  }
}

// {m}, {m,}, {,n} or {m,n}.
absl::StatusOr<Expression> GbnfParser::ParseCounts(Expression atom) {
  SkipSpace();
  const std::optional<std::size_t> least = scanner_.TakeNumber();
  SkipSpace();
  const bool has_comma = scanner_.Skip(",");
  SkipSpace();
  const std::optional<std::size_t> most = has_comma ? scanner_.TakeNumber() : least;
  SkipSpace();
  if ((!least && !most) || !scanner_.Skip("}")) {
    return scanner_.Expected("a count: {m}, {m,} or {m,n}");
  }
  return Repeated(atom, least.value_or(0), most.value_or(Grammar::kUnbounded));
}

}  // namespace cascade::model
