// SPDX-License-Identifier: Apache-2.0
// JSON's own rules, as Python's json.dumps(value, ensure_ascii=False) separates it: ", " between
// elements, ": " after a key, and no other white space.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "model/constraints/grammar.h"

namespace cascade::model {

// Adds JSON's parts to a grammar, each as a rule the first time that it is asked for. Numbers have
// at most 15 digits before the point, 15 behind it and 2 in the exponent, so that every parser can
// take them. No escape is of a surrogate, so that every string is valid Unicode.
class JsonGrammar {
 public:
  using Expression = Grammar::Expression;

  // `grammar` must outlive it.
  explicit JsonGrammar(Grammar& grammar) : grammar_(grammar) {}

  Expression Value();  // any
  Expression Object();
  Expression Array();
  Expression String();
  Expression Number();
  Expression Integer();
  Expression Boolean();
  Expression Null() { return grammar_.Literal("null"); }

  // Any string of so many characters.
  Expression String(std::size_t least, std::size_t most);
  // A string of these contents, which are written as WriteCharacters writes them.
  Expression Quoted(Expression contents);

  // Any string but these, for keys: without escapes, so that no two texts are the same key. Of
  // strings of more than 64 characters, those that begin as one of `taken` are left out too.
  Expression OtherKey(std::span<const std::string> taken);

  // `first`, then from `least` to `most` times ", " and `next`.
  Expression List(Expression first, Expression next, std::size_t least, std::size_t most);

  // An expression that is used more than once: a call of a rule, so that it is translated once.
  Expression Shared(Expression expression, absl::string_view name);

  // One character of a string: itself, or an escape where JSON demands one. For AddRegex.
  static Expression WriteCharacters(std::span<const CodePointRange> ranges, Grammar& grammar);

 private:
  Expression Character();
  Expression Once(std::optional<Grammar::Rule>& rule, absl::string_view name,
                  Expression (JsonGrammar::*make)());
  Expression MakeValue();
  Expression MakeObject();
  Expression MakeArray();
  Expression MakeString();
  Expression MakeNumber();
  Expression MakeCharacter();
  Expression MakePlainText();
  Expression MakeBeyondAscii();
  Expression OtherKeyFrom(std::span<const std::u32string> taken, std::size_t position);
  Expression PlainText();
  Expression PlainCharacter(std::span<const CodePointRange> excluded);

  Grammar& grammar_;
  std::optional<Grammar::Rule> value_;
  std::optional<Grammar::Rule> object_;
  std::optional<Grammar::Rule> array_;
  std::optional<Grammar::Rule> string_;
  std::optional<Grammar::Rule> number_;
  std::optional<Grammar::Rule> character_;
  std::optional<Grammar::Rule> plain_text_;
  std::optional<Grammar::Rule> beyond_ascii_;
};

}  // namespace cascade::model
