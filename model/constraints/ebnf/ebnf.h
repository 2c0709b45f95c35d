// SPDX-License-Identifier: Apache-2.0
// Grammars that callers write, in the two notations that are common for language models.
#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/constraints/grammar.h"

namespace cascade::model {

// The texts of a grammar. Its first definition tells the notation:
//
//   name ::= ...   GBNF, as llama.cpp reads it; the texts are those of the rule `root`.
//                  "text" [a-z] [^a-z] . rule ( ) | * + ? {m} {m,} {m,n} and # comments. Escapes:
//                  \n \r \t \" \\ \[ \] \xHH \uHHHH \UHHHHHHHH, each of a character.
//   name: ...      Lark; the texts are those of the rule `start`. Rules and terminals (which mean
//                  the same here), "text" "text"i /regex/ with the flags i and s (regex.h),
//                  "a".."z", ( ) [ ] | * + ? ~n ~m..n, // and # comments, %import common.NAME of
//                  digits, numbers, letters, words, strings and white space. Priorities, aliases
//                  (->), ? and ! before a name change no text, and are skipped.
//
// INVALID_ARGUMENT names line, column and what was expected there; a rule that is called but not
// defined, or defined twice; a missing start rule. Not supported, with a message that says so, are
// Lark's %ignore (white space must stand where it may be), %declare, %override, %extend and
// templates. Groups may nest 100 deep.
absl::StatusOr<Grammar> GrammarOfEbnf(absl::string_view text);

}  // namespace cascade::model
