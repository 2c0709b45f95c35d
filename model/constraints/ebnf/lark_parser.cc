// SPDX-License-Identifier: Apache-2.0

#include "model/constraints/ebnf/lark_parser.h"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "model/constraints/regex/regex.h"
#include "model/constraints/utf8.h"
#include "model/json_document.h"

namespace cascade::model {
namespace {

using Expression = Grammar::Expression;

constexpr absl::string_view kEscapable = "\"\\/'";
constexpr std::size_t kLongestRegex = 8192;

struct CommonTerminal {
  absl::string_view name;
  absl::string_view pattern;
};

#define CASCADE_DECIMAL "(?:\\d+\\.\\d*|\\.\\d+)"
#define CASCADE_EXPONENT "(?:[eE][+-]?\\d+)"
#define CASCADE_FLOAT "(?:\\d+" CASCADE_EXPONENT "|" CASCADE_DECIMAL CASCADE_EXPONENT "?)"

// Of Lark's library of terminals, those that grammars for models import.
constexpr std::array<CommonTerminal, 21> kCommon = {{
    {"DIGIT", "\\d"},
    {"HEXDIGIT", "[a-fA-F\\d]"},
    {"INT", "\\d+"},
    {"SIGNED_INT", "[+-]?\\d+"},
    {"DECIMAL", CASCADE_DECIMAL},
    {"FLOAT", CASCADE_FLOAT},
    {"SIGNED_FLOAT", "[+-]?" CASCADE_FLOAT},
    {"NUMBER", "(?:" CASCADE_FLOAT "|\\d+)"},
    {"SIGNED_NUMBER", "[+-]?(?:" CASCADE_FLOAT "|\\d+)"},
    {"ESCAPED_STRING", "\"(?:[^\"\\\\\\n]|\\\\.)*\""},
    {"LCASE_LETTER", "[a-z]"},
    {"UCASE_LETTER", "[A-Z]"},
    {"LETTER", "[a-zA-Z]"},
    {"WORD", "[a-zA-Z]+"},
    {"CNAME", "[a-zA-Z_]\\w*"},
    {"WS_INLINE", "[ \\t]+"},
    {"WS", "[ \\t\\f\\r\\n]+"},
    {"CR", "\\r"},
    {"LF", "\\n"},
    {"NEWLINE", "(?:\\r?\\n)+"},
    {"SH_COMMENT", "#[^\\n]*"},
}};

#undef CASCADE_DECIMAL
#undef CASCADE_EXPONENT
#undef CASCADE_FLOAT

// These bytes, with ASCII's letters in either case.
Expression AnyCase(absl::string_view text, Grammar& grammar) {
  std::vector<Expression> parts;
  for (const char byte : text) {
    ByteSet set;
    for (const char one : {absl::ascii_tolower(static_cast<unsigned char>(byte)),
                           absl::ascii_toupper(static_cast<unsigned char>(byte))}) {
      set.set(static_cast<unsigned char>(one));
    }
    parts.push_back(grammar.Bytes(set));
  }
  return grammar.Sequence(parts);
}

}  // namespace

std::string LarkParser::TakeDefinition() {
  while (scanner_.Skip("?") || scanner_.Skip("!")) continue;
  std::string name = scanner_.TakeName(/*dashes=*/false);
  if (name.empty()) return name;
  const std::size_t end = scanner_.position();
  if (!scanner_.Skip(".") || !scanner_.TakeNumber()) scanner_.Return(end);
  SkipSpace();
  return scanner_.Skip(":") ? name : "";
}

bool LarkParser::AtStatement() {
  if (scanner_.StartsWith("%")) return true;
  const std::size_t position = scanner_.position();
  const bool is_definition = !TakeDefinition().empty();
  scanner_.Return(position);
  return is_definition;
}

absl::Status LarkParser::ParseStatement() {
  if (scanner_.StartsWith("%")) return ParseDirective();
  const std::size_t position = scanner_.position();
  const std::string name = TakeDefinition();
  if (name.empty()) {
    scanner_.Return(position);
    return scanner_.Expected("a rule, name: ..., or %import");
  }
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

absl::Status LarkParser::ParseDirective() {
  if (scanner_.Skip("%import")) return ParseImport();
  if (scanner_.StartsWith("%ignore")) {
    return scanner_.Error(
        "%ignore is not supported; write what is to be skipped where it may stand, such as WS?");
  }
  return scanner_.Error("of the directives only %import common.NAME is supported");
}

// common.NAME, common.NAME -> ALIAS or common (NAME, NAME).
absl::Status LarkParser::ParseImport() {
  SkipSpace();
  if (!scanner_.Skip("common")) {
    return scanner_.Error("only what is in common can be imported: %import common.NAME");
  }
  const bool is_list = !scanner_.Skip(".");
  SkipSpace();
  if (is_list && !scanner_.Skip("(")) return scanner_.Expected(".NAME or (NAME, NAME)");
  do {
    SkipSpace();
    const std::size_t position = scanner_.position();
    const std::string name = scanner_.TakeName(/*dashes=*/false);
    std::string alias = name;
    SkipSpace();
    if (!is_list && scanner_.Skip("->")) {
      SkipSpace();
      alias = scanner_.TakeName(/*dashes=*/false);
    }
    if (absl::Status status = Import(name, alias, position); !status.ok()) return status;
  } while (is_list && scanner_.Skip(","));
  if (is_list && !scanner_.Skip(")")) return scanner_.Expected(", or )");
  return absl::OkStatus();
}

absl::Status LarkParser::Import(const std::string& name, const std::string& alias,
                                std::size_t position) {
  const auto terminal =
      std::find_if(kCommon.begin(), kCommon.end(),
                   [&](const CommonTerminal& common) { return common.name == name; });
  if (terminal == kCommon.end() || alias.empty()) {
    std::string names;
    for (const CommonTerminal& common : kCommon) absl::StrAppend(&names, " ", common.name);
    return scanner_.ErrorAt(position, absl::StrCat("expected one of", names));
  }
  const absl::StatusOr<Grammar::Rule> rule = Define(alias, position);
  if (!rule.ok()) return rule.status();
  const absl::StatusOr<Expression> body = AddRegex(terminal->pattern, grammar_);
  if (!body.ok()) return body.status();
  grammar_.Define(*rule, *body);
  return absl::OkStatus();
}

absl::Status LarkParser::SkipAlias() {
  if (!scanner_.Skip("->")) return absl::OkStatus();
  SkipSpace();
  if (scanner_.TakeName(/*dashes=*/false).empty()) return scanner_.Expected("a name after ->");
  SkipSpace();
  return absl::OkStatus();
}

absl::StatusOr<Expression> LarkParser::ParseAtom(std::size_t depth) {
  if (scanner_.Skip("(")) return ParseGroup(depth, ")");
  if (scanner_.Skip("[")) {
    const absl::StatusOr<Expression> inside = ParseGroup(depth, "]");
    if (!inside.ok()) return inside.status();
    return grammar_.Optional(*inside);
  }
  if (scanner_.Skip("\"")) return ParseText();
  if (scanner_.Skip("/")) return ParseRegex();
  const std::size_t position = scanner_.position();
  const std::string name = scanner_.TakeName(/*dashes=*/false);
  if (name.empty()) return scanner_.Expected("\"text\", /regex/, a rule's name, ( or [");
  if (scanner_.StartsWith("{")) return scanner_.Error("templates are not supported");
  return Call(name, position);
}

// "text", "text"i or "a".."z"; the first quote was taken.
absl::StatusOr<Expression> LarkParser::ParseText() {
  const std::size_t start = scanner_.position() - 1;
  const absl::StatusOr<std::string> text = scanner_.TakeQuoted(kEscapable);
  if (!text.ok()) return text.status();
  if (scanner_.Skip("i")) return AnyCase(*text, grammar_);
  const std::size_t end = scanner_.position();
  SkipSpace();
  if (!scanner_.Skip("..")) {
    scanner_.Return(end);
    return grammar_.Literal(*text);
  }
  SkipSpace();
  if (!scanner_.Skip("\"")) return scanner_.Expected("the last character of the range, in quotes");
  const absl::StatusOr<std::string> last = scanner_.TakeQuoted(kEscapable);
  if (!last.ok()) return last.status();
  const std::optional<std::u32string> ends = DecodeUtf8(*text + *last);
  const std::optional<std::u32string> first_end = DecodeUtf8(*text);
  if (!ends || ends->size() != 2 || first_end->size() != 1 || (*ends)[0] > (*ends)[1]) {
    return scanner_.ErrorAt(start, "expected a range from one character to a later one");
  }
  const std::vector<CodePointRange> range = {{(*ends)[0], (*ends)[1]}};
  return grammar_.Characters(range);
}

// /regex/ and its flags; the first slash was taken.
absl::StatusOr<Expression> LarkParser::ParseRegex() {
  const std::size_t start = scanner_.position() - 1;
  std::string pattern;
  while (!scanner_.Skip("/")) {
    if (scanner_.AtEnd() || scanner_.StartsWith("\n") || pattern.size() > kLongestRegex) {
      return scanner_.ErrorAt(start, absl::StrCat("expected a closing slash for this one, in the "
                                                  "same line and within ",
                                                  kLongestRegex, " bytes"));
    }
    const char32_t character = scanner_.Take();
    pattern += EncodeUtf8(character);
    if (character == '\\' && !scanner_.AtEnd()) pattern += EncodeUtf8(scanner_.Take());
  }
  while (true) {
    if (scanner_.Skip("i")) {
      pattern.insert(0, "(?i)");
    } else if (scanner_.Skip("s")) {
      pattern.insert(0, "(?s)");
    } else if (!scanner_.Skip("u")) {  // Unicode, which all patterns are
      break;
    }
  }
  for (const absl::string_view flag : {"m", "l", "x"}) {
    if (scanner_.StartsWith(flag)) {
      return scanner_.Error("of the flags of a pattern only i, s and u are supported");
    }
  }
  absl::StatusOr<Expression> expression = AddRegex(pattern, grammar_);
  if (expression.ok()) return expression;
  return scanner_.ErrorAt(
      start, absl::StrCat("the pattern ", Quoted(pattern), ": ", expression.status().message()));
}

absl::StatusOr<Expression> LarkParser::ParseQuantifier(Expression atom) {
  // A ? before a definition is the definition's.
  if (scanner_.StartsWith("?") && AtStatement()) return atom;
  if (scanner_.Skip("~")) return ParseTimes(atom);
  TakeSimpleQuantifier(atom);
  return atom;
}

// ~n or ~m..n; the ~ was taken.
absl::StatusOr<Expression> LarkParser::ParseTimes(Expression atom) {
  SkipSpace();
  const std::optional<std::size_t> least = scanner_.TakeNumber();
  if (!least) return scanner_.Expected("a count: ~n or ~m..n");
  const std::size_t end = scanner_.position();
  SkipSpace();
  if (!scanner_.Skip("..")) {
    scanner_.Return(end);
    return Repeated(atom, *least, *least);
  }
  SkipSpace();
  const std::optional<std::size_t> most = scanner_.TakeNumber();
  if (!most) return scanner_.Expected("the greatest count after ..");
  return Repeated(atom, *least, *most);
}

}  // namespace cascade::model
