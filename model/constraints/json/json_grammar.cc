// SPDX-License-Identifier: Apache-2.0

#include "model/constraints/json/json_grammar.h"

#include <algorithm>

#include "model/constraints/json/ordered_json.h"
#include "model/constraints/utf8.h"
#include "model/constraints/utf8_ranges.h"

namespace cascade::model {
namespace {

using Expression = Grammar::Expression;

constexpr std::size_t kMostDigits = 15;
constexpr std::size_t kMostExponentDigits = 2;
constexpr std::size_t kComparedCharacters = 64;
constexpr char32_t kFirstBeyondAscii = 0x80;

// What a string has to escape.
const std::vector<CodePointRange> kEscaped = {{0, 0x1F}, {'"', '"'}, {'\\', '\\'}};

ByteSet SetOf(absl::string_view bytes) {
  ByteSet set;
  for (const char byte : bytes) set.set(static_cast<unsigned char>(byte));
  return set;
}

bool Contains(std::span<const CodePointRange> ranges, char32_t character) {
  return std::any_of(ranges.begin(), ranges.end(), [character](const CodePointRange& range) {
    return range.first <= character && character <= range.last;
  });
}

// The characters of `ranges` that are not in `others`.
std::vector<CodePointRange> Without(std::span<const CodePointRange> ranges,
                                    std::span<const CodePointRange> others) {
  std::vector<CodePointRange> outside = Complement(ranges);
  outside.insert(outside.end(), others.begin(), others.end());
  return Complement(outside);
}

Expression HexDigits(std::size_t count, Grammar& grammar) {
  return grammar.Repeat(grammar.Bytes(SetOf("0123456789abcdefABCDEF")), count, count);
}

}  // namespace

Expression JsonGrammar::Once(std::optional<Grammar::Rule>& rule, absl::string_view name,
                             Expression (JsonGrammar::*make)()) {
  if (!rule) {
    rule = grammar_.AddRule(name);  // before its body, which may call it
    grammar_.Define(*rule, (this->*make)());
  }
  return grammar_.Call(*rule);
}

Expression JsonGrammar::Value() { return Once(value_, "JSON value", &JsonGrammar::MakeValue); }
Expression JsonGrammar::Object() { return Once(object_, "JSON object", &JsonGrammar::MakeObject); }
Expression JsonGrammar::Array() { return Once(array_, "JSON array", &JsonGrammar::MakeArray); }
Expression JsonGrammar::String() { return Once(string_, "JSON string", &JsonGrammar::MakeString); }
Expression JsonGrammar::Number() { return Once(number_, "JSON number", &JsonGrammar::MakeNumber); }

Expression JsonGrammar::Character() {
  return Once(character_, "JSON character", &JsonGrammar::MakeCharacter);
}

Expression JsonGrammar::Boolean() {
  return grammar_.Choice({grammar_.Literal("true"), grammar_.Literal("false")});
}

Expression JsonGrammar::MakeValue() {
  return grammar_.Choice({Object(), Array(), String(), Number(), Boolean(), Null()});
}

Expression JsonGrammar::MakeObject() {
  const Expression member = grammar_.Sequence({String(), grammar_.Literal(": "), Value()});
  const Expression members = List(member, member, 0, Grammar::kUnbounded);
  return grammar_.Sequence(
      {grammar_.Literal("{"), grammar_.Optional(members), grammar_.Literal("}")});
}

Expression JsonGrammar::MakeArray() {
  const Expression elements = List(Value(), Value(), 0, Grammar::kUnbounded);
  return grammar_.Sequence(
      {grammar_.Literal("["), grammar_.Optional(elements), grammar_.Literal("]")});
}

Expression JsonGrammar::MakeString() { return Quoted(grammar_.Repeat(MakeCharacter(), 0)); }

Expression JsonGrammar::String(std::size_t least, std::size_t most) {
  if (least == 0 && most == Grammar::kUnbounded) return String();
  return Quoted(grammar_.Repeat(Character(), least, most));
}

Expression JsonGrammar::Quoted(Expression contents) {
  return grammar_.Sequence({grammar_.Literal("\""), contents, grammar_.Literal("\"")});
}

// -?(0|[1-9]\d{0,14})
Expression JsonGrammar::Integer() {
  const Expression digits =
      grammar_.Sequence({grammar_.Bytes(SetOf("123456789")),
                         grammar_.Repeat(grammar_.Bytes(SetOf("0123456789")), 0, kMostDigits - 1)});
  return grammar_.Sequence(
      {grammar_.Optional(grammar_.Literal("-")), grammar_.Choice({grammar_.Literal("0"), digits})});
}

// An integer, (\.\d{1,15})? and ([eE][+-]?\d{1,2})?
Expression JsonGrammar::MakeNumber() {
  const Expression digit = grammar_.Bytes(SetOf("0123456789"));
  const Expression fraction =
      grammar_.Sequence({grammar_.Literal("."), grammar_.Repeat(digit, 1, kMostDigits)});
  const Expression exponent = grammar_.Sequence({grammar_.Bytes(SetOf("eE")),
                                                 grammar_.Optional(grammar_.Bytes(SetOf("+-"))),
                                                 grammar_.Repeat(digit, 1, kMostExponentDigits)});
  return grammar_.Sequence({Integer(), grammar_.Optional(fraction), grammar_.Optional(exponent)});
}

// A character as it is, or escaped: \n, \/ and their likes, and \uXXXX of all but surrogates,
// which begin with D8 to DF.
Expression JsonGrammar::MakeCharacter() {
  const Expression d_and_a_digit =
      grammar_.Sequence({grammar_.Bytes(SetOf("dD")), grammar_.Bytes(SetOf("01234567"))});
  const Expression other =
      grammar_.Sequence({grammar_.Bytes(SetOf("0123456789abcefABCEF")), HexDigits(1, grammar_)});
  const Expression code = grammar_.Sequence(
      {grammar_.Literal("u"), grammar_.Choice({d_and_a_digit, other}), HexDigits(2, grammar_)});
  const Expression escape = grammar_.Sequence(
      {grammar_.Literal("\\"), grammar_.Choice({grammar_.Bytes(SetOf("\"\\/bfnrt")), code})});
  return grammar_.Choice({grammar_.Characters(Complement(kEscaped)), escape});
}

Expression JsonGrammar::WriteCharacters(std::span<const CodePointRange> ranges, Grammar& grammar) {
  std::vector<Expression> ways;
  const std::vector<CodePointRange> plain = Without(ranges, kEscaped);
  if (!plain.empty()) ways.push_back(grammar.Characters(plain));
  for (const CodePointRange& escaped : kEscaped) {
    for (char32_t character = escaped.first; character <= escaped.last; ++character) {
      if (!Contains(ranges, character)) continue;
      const std::string text = JsonStringText(EncodeUtf8(character));
      ways.push_back(grammar.Literal(absl::string_view(text).substr(1, text.size() - 2)));
    }
  }
  return ways.size() == 1 ? ways.front() : grammar.Choice(ways);
}

Expression JsonGrammar::OtherKey(std::span<const std::string> taken) {
  std::vector<std::u32string> keys;
  for (const std::string& key : taken) {
    if (auto characters = DecodeUtf8(key)) keys.push_back(*std::move(characters));
  }
  std::sort(keys.begin(), keys.end());
  return Quoted(OtherKeyFrom(keys, 0));
}

// What may follow `position` characters that all of `taken`, which are sorted, begin with.
Expression JsonGrammar::OtherKeyFrom(std::span<const std::u32string> taken, std::size_t position) {
  if (taken.empty()) return PlainText();
  std::vector<Expression> ways;
  if (taken.front().size() > position) {
    ways.push_back(grammar_.Empty());
  } else {
    taken = taken.subspan(1);  // this one is complete
  }
  std::vector<CodePointRange> not_free = kEscaped;
  while (!taken.empty()) {
    const char32_t next = taken.front()[position];
    std::size_t alike = 0;
    while (alike < taken.size() && taken[alike][position] == next) ++alike;
    not_free.push_back({next, next});
    if (position < kComparedCharacters && !Contains(kEscaped, next)) {
      ways.push_back(grammar_.Sequence(
          {grammar_.Literal(EncodeUtf8(next)), OtherKeyFrom(taken.first(alike), position + 1)}));
    }
    taken = taken.subspan(alike);
  }
  ways.push_back(grammar_.Sequence({PlainCharacter(not_free), PlainText()}));
  return grammar_.Choice(ways);
}

Expression JsonGrammar::PlainText() {
  return Once(plain_text_, "key", &JsonGrammar::MakePlainText);
}

Expression JsonGrammar::MakePlainText() { return grammar_.Repeat(PlainCharacter(kEscaped), 0); }

// A character that is none of `excluded`. Those beyond ASCII are a rule where they all may be: a
// key has many places for a character, and their bytes take thirty expressions.
Expression JsonGrammar::PlainCharacter(std::span<const CodePointRange> excluded) {
  const bool all_beyond_ascii =
      std::none_of(excluded.begin(), excluded.end(),
                   [](const CodePointRange& range) { return range.last >= kFirstBeyondAscii; });
  if (!all_beyond_ascii) return grammar_.Characters(Complement(excluded));
  std::vector<CodePointRange> ascii(excluded.begin(), excluded.end());
  ascii.push_back({kFirstBeyondAscii, kLastCodePoint});
  return grammar_.Choice({grammar_.Characters(Complement(ascii)),
                          Once(beyond_ascii_, "character", &JsonGrammar::MakeBeyondAscii)});
}

Expression JsonGrammar::MakeBeyondAscii() {
  const std::vector<CodePointRange> beyond_ascii = {{kFirstBeyondAscii, kLastCodePoint}};
  return grammar_.Characters(beyond_ascii);
}

Expression JsonGrammar::List(Expression first, Expression next, std::size_t least,
                             std::size_t most) {
  if (most == 0) return first;
  const Expression more = grammar_.Sequence({grammar_.Literal(", "), next});
  return grammar_.Sequence({first, grammar_.Repeat(more, least, most)});
}

Expression JsonGrammar::Shared(Expression expression, absl::string_view name) {
  const Grammar::Kind kind = grammar_.node(expression).kind;
  if (kind == Grammar::Kind::kCall || kind == Grammar::Kind::kBytes) return expression;
  const Grammar::Rule rule = grammar_.AddRule(name);
  grammar_.Define(rule, expression);
  return grammar_.Call(rule);
}

}  // namespace cascade::model
