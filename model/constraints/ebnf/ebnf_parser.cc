// SPDX-License-Identifier: Apache-2.0

#include "model/constraints/ebnf/ebnf_parser.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "model/json_document.h"

namespace cascade::model {
namespace {

constexpr std::size_t kMaxNesting = 100;

}  // namespace

absl::StatusOr<Grammar> EbnfParser::Parse(absl::string_view start_rule) {
  SkipSpace();
  while (!scanner_.AtEnd()) {
    if (absl::Status status = ParseStatement(); !status.ok()) return status;
    SkipSpace();
  }
  for (const auto& [name, use] : rules_) {
    if (use.is_defined) continue;
    return scanner_.ErrorAt(use.position,
                            absl::StrCat("the rule ", Quoted(name), " is not defined"));
  }
  const auto start = rules_.find(std::string(start_rule));
  if (start == rules_.end()) {
    return scanner_.Error(absl::StrCat("expected a rule ", Quoted(start_rule),
                                       ", with which every text begins; there is none"));
  }
  grammar_.SetStart(grammar_.Call(start->second.rule));
  return std::move(grammar_);
}

absl::StatusOr<Grammar::Expression> EbnfParser::ParseAlternatives(std::size_t depth) {
  std::vector<Expression> alternatives;
  do {
    const absl::StatusOr<Expression> sequence = ParseSequence(depth);
    if (!sequence.ok()) return sequence.status();
    alternatives.push_back(*sequence);
  } while (scanner_.Skip("|"));
  return alternatives.size() == 1 ? alternatives.front() : grammar_.Choice(alternatives);
}

absl::StatusOr<Grammar::Expression> EbnfParser::ParseSequence(std::size_t depth) {
  std::vector<Expression> parts;
  while (true) {
    SkipSpace();
    if (absl::Status status = SkipAlias(); !status.ok()) return status;
    if (scanner_.AtEnd() || scanner_.StartsWith("|") || scanner_.StartsWith(")") ||
        scanner_.StartsWith("]") || AtStatement()) {
      return parts.size() == 1 ? parts.front() : grammar_.Sequence(parts);
    }
    absl::StatusOr<Expression> part = ParseAtom(depth);
    if (!part.ok()) return part;
    SkipSpace();
    part = ParseQuantifier(*part);
    if (!part.ok()) return part;
    if (grammar_.TooLarge()) {
      return scanner_.Error(absl::StrCat("the grammar is too large: up to here it takes more than ",
                                         Grammar::kMaxSize,
                                         " expressions; fewer rules make it smaller"));
    }
    parts.push_back(*part);
  }
}

absl::StatusOr<Grammar::Expression> EbnfParser::ParseGroup(std::size_t depth,
                                                           absl::string_view closing) {
  const std::size_t start = scanner_.position() - 1;
  if (depth == kMaxNesting) {
    return scanner_.ErrorAt(start, absl::StrCat("groups nest deeper than ", kMaxNesting));
  }
  absl::StatusOr<Expression> inside = ParseAlternatives(depth + 1);
  if (inside.ok() && !scanner_.Skip(closing)) {
    return scanner_.Expected(absl::StrCat(closing, " or more of the group that it ends"));
  }
  return inside;
}

absl::StatusOr<Grammar::Expression> EbnfParser::Repeated(Expression atom, std::size_t least,
                                                         std::size_t most) {
  if (least > most) return scanner_.Error("the least count is greater than the greatest");
  return grammar_.Repeat(atom, least, most);
}

bool EbnfParser::TakeSimpleQuantifier(Expression& atom) {
  if (scanner_.Skip("*")) {
    atom = grammar_.Repeat(atom, 0);
  } else if (scanner_.Skip("+")) {
    atom = grammar_.Repeat(atom, 1);
  } else if (scanner_.Skip("?")) {
    atom = grammar_.Optional(atom);
  } else {
    return false;
  }
  return true;
}

EbnfParser::RuleUse& EbnfParser::Use(const std::string& name, std::size_t position) {
  const auto [entry, is_new] = rules_.try_emplace(name);
  if (is_new) {
    entry->second.rule = grammar_.AddRule(name);
    entry->second.position = position;
  }
  return entry->second;
}

absl::StatusOr<Grammar::Rule> EbnfParser::Define(const std::string& name, std::size_t position) {
  RuleUse& use = Use(name, position);
  if (use.is_defined) {
    return scanner_.ErrorAt(
        position, absl::StrCat("the rule ", Quoted(name), " is defined a second time here"));
  }
  use.is_defined = true;
  return use.rule;
}

Grammar::Expression EbnfParser::Call(const std::string& name, std::size_t position) {
  return grammar_.Call(Use(name, position).rule);
}

}  // namespace cascade::model
