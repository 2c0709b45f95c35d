// SPDX-License-Identifier: Apache-2.0
// What the notations for grammars have in common.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/constraints/ebnf/ebnf_scanner.h"
#include "model/constraints/grammar.h"

namespace cascade::model {

// Recursive descent: rules of alternatives of sequences of quantified atoms. A line ends nothing:
// a rule ends where the next definition begins.
class EbnfParser {
 public:
  using Expression = Grammar::Expression;

  virtual ~EbnfParser() = default;

  // All rules, and the start, which is the rule `start_rule`. Call once.
  absl::StatusOr<Grammar> Parse(absl::string_view start_rule);

 protected:
  explicit EbnfParser(EbnfScanner scanner) : scanner_(std::move(scanner)) {}

  // A definition, or what else may stand between rules.
  virtual absl::Status ParseStatement() = 0;
  // Whether a definition or the like comes next.
  virtual bool AtStatement() = 0;
  virtual absl::StatusOr<Expression> ParseAtom(std::size_t depth) = 0;
  // `atom` with the quantifier that comes next, if one does.
  virtual absl::StatusOr<Expression> ParseQuantifier(Expression atom) = 0;
  // What may end an alternative besides | ) ] and a statement; goes past it if it says nothing.
  virtual absl::Status SkipAlias() { return absl::OkStatus(); }
  virtual void SkipSpace() = 0;

  absl::StatusOr<Expression> ParseAlternatives(std::size_t depth);
  // What is in a group, whose opening was taken, up to `closing`, which is taken.
  absl::StatusOr<Expression> ParseGroup(std::size_t depth, absl::string_view closing);
  // `least` to `most` times; refused if that is the wrong way round.
  absl::StatusOr<Expression> Repeated(Expression atom, std::size_t least, std::size_t most);
  // Common to both: * + and ?. False if none comes.
  bool TakeSimpleQuantifier(Expression& atom);

  // Begins a definition at `position`; refuses a second one of the same rule.
  absl::StatusOr<Grammar::Rule> Define(const std::string& name, std::size_t position);
  // A call of a rule that may be defined later.
  Expression Call(const std::string& name, std::size_t position);

  Grammar grammar_;
  EbnfScanner scanner_;

 private:
  struct RuleUse {
    Grammar::Rule rule;
    std::size_t position = 0;  // of its first use
    bool is_defined = false;
  };

  absl::StatusOr<Expression> ParseSequence(std::size_t depth);
  RuleUse& Use(const std::string& name, std::size_t position);

  std::map<std::string, RuleUse> rules_;
};

}  // namespace cascade::model
