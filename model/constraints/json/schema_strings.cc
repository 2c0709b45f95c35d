// SPDX-License-Identifier: Apache-2.0

#include "model/constraints/json/schema_strings.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "model/constraints/regex/regex.h"
#include "model/constraints/utf8_ranges.h"
#include "model/json_document.h"

namespace cascade::model {
namespace {

using Expression = Grammar::Expression;
using Kind = Grammar::Kind;

constexpr std::size_t kLongestPattern = 8192;
constexpr std::size_t kUnbounded = Grammar::kUnbounded;

// Of the forms that RFC 3339, 3986, 4122, 4291 and 5321 have, those that every checker takes:
// February has 28 days, a minute 60 seconds, an address of mail letters, digits and few signs, and
// a URI is one of the web.
#define CASCADE_DATE                                            \
  "[1-9]\\d{3}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|" \
  "(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)|02-(?:0[1-9]|1\\d|2[0-8]))"
#define CASCADE_TIME                                     \
  "(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d{1,6})?" \
  "(?:Z|[+-](?:[01]\\d|2[0-3]):[0-5]\\d)"
#define CASCADE_OCTET "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)"
#define CASCADE_HOST "[a-zA-Z0-9]{1,40}(?:-[a-zA-Z0-9]{1,20})?(?:\\.[a-zA-Z]{2,20}){1,3}"
#define CASCADE_DURATION \
  "T(?:\\d{1,4}H(?:\\d{1,4}M(?:\\d{1,4}S)?)?|\\d{1,4}M(?:\\d{1,4}S)?|\\d{1,4}S)"

struct Format {
  absl::string_view name;
  absl::string_view pattern;
};
constexpr std::array<Format, 10> kFormats = {{
    {"date", CASCADE_DATE},
    {"time", CASCADE_TIME},
    {"date-time", CASCADE_DATE "T" CASCADE_TIME},
    {"uuid", "[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"},
    {"ipv4", CASCADE_OCTET "(?:\\." CASCADE_OCTET "){3}"},
    {"ipv6", "[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){7}"},
    {"email", "[a-zA-Z0-9_+-]{1,30}(?:\\.[a-zA-Z0-9_+-]{1,20}){0,1}@" CASCADE_HOST},
    {"hostname", CASCADE_HOST},
    {"uri", "https?://" CASCADE_HOST
            "(?::[1-9]\\d{0,3})?(?:/[a-zA-Z0-9._~-]{0,60}){0,8}(?:\\?[a-zA-Z0-9._~=&-]{1,100})?"},
    {"duration", "P(?:\\d{1,4}W|\\d{1,4}D(?:" CASCADE_DURATION ")?|" CASCADE_DURATION ")"},
}};

#undef CASCADE_DATE
#undef CASCADE_TIME
#undef CASCADE_OCTET
#undef CASCADE_HOST
#undef CASCADE_DURATION

std::size_t Plus(std::size_t a, std::size_t b) {
  return a == kUnbounded || b == kUnbounded ? kUnbounded : std::min(a + b, kUnbounded - 1);
}

std::size_t Times(std::size_t a, std::size_t b) {
  if (a == 0 || b == 0) return 0;
  if (a == kUnbounded || b == kUnbounded || a > kUnbounded / 2 / b) return kUnbounded;
  return a * b;
}

// Lengths in characters of the texts of expressions without calls. Each expression is made after
// its parts, so one pass over them is enough.
std::vector<CountRange> Lengths(const Grammar& grammar) {
  std::vector<CountRange> lengths(grammar.size());
  for (std::uint32_t index = 0; index < grammar.size(); ++index) {
    const Grammar::Node& node = grammar.node({index});
    CountRange length = {0, 0};
    if (node.kind == Kind::kBytes) {
      // Every character has one byte that does not continue another.
      ByteSet continuing;
      for (std::size_t byte = 0x80; byte < 0xC0; ++byte) continuing.set(byte);
      length.least = length.most = (grammar.bytes(node) & continuing).any() ? 0 : 1;
    }
    bool is_first = true;
    for (const Expression child :
         grammar.children(node.kind == Kind::kBytes ? Grammar::Node() : node)) {
      const CountRange part = lengths[child.index];
      if (node.kind == Kind::kSequence) {
        length = {Plus(length.least, part.least), Plus(length.most, part.most)};
      } else if (node.kind == Kind::kRepeat) {
        length = {Times(part.least, node.least), Times(part.most, node.most)};
      } else {
        length.least = is_first ? part.least : std::min(length.least, part.least);
        length.most = std::max(length.most, part.most);
      }
      is_first = false;
    }
    lengths[index] = length;
  }
  return lengths;
}

// A pattern, and where its length matters the same once more as it is: in a string of JSON an
// escape is several characters.
struct Contents {
  Expression written;
  std::optional<Grammar> plain;
};

bool NegatesAClass(absl::string_view pattern) {
  const auto has = [pattern](absl::string_view part) { return absl::StrContains(pattern, part); };
  return has("\\D") || has("\\W") || has("\\S") ||
         (has("[^") && (has("\\d") || has("\\w") || has("\\s")));
}

// As JsonGrammar::WriteCharacters, of ASCII where a set has a great part of Unicode. Readers of a
// schema disagree whether \d and its likes mean ASCII's characters or all: of what is in \D or \W
// only this is so for all of them.
Expression WriteUndisputed(std::span<const CodePointRange> ranges, Grammar& grammar) {
  constexpr char32_t kMany = 1000;
  const std::vector<CodePointRange> disputed = {{0x1C, 0x1F}, {0x80, kLastCodePoint}};
  char32_t count = 0;
  for (const CodePointRange& range : Normalized(ranges)) count += range.last - range.first + 1;
  if (count < kMany) return JsonGrammar::WriteCharacters(ranges, grammar);
  std::vector<CodePointRange> outside = Complement(ranges);
  outside.insert(outside.end(), disputed.begin(), disputed.end());
  return JsonGrammar::WriteCharacters(Complement(outside), grammar);
}

// As `write`, each set once: a pattern has some sets often, and . takes thirty expressions.
CharacterWriter EachOnce(Expression (*write)(std::span<const CodePointRange>, Grammar&)) {
  auto known = std::make_shared<std::map<std::u32string, Expression>>();
  return [known, write](std::span<const CodePointRange> ranges, Grammar& grammar) {
    std::u32string key;
    for (const CodePointRange& range : ranges) key.append({range.first, range.last});
    const auto [entry, is_new] = known->try_emplace(std::move(key));
    if (is_new) entry->second = write(ranges, grammar);
    return entry->second;
  };
}

absl::StatusOr<Contents> PatternContents(const SchemaPlace& place, absl::string_view pattern,
                                         RegexMatch match, CountRange length, Grammar& grammar) {
  if (pattern.size() > kLongestPattern) {
    return SchemaError(place, absl::StrCat("expected at most ", kLongestPattern, " bytes"));
  }
  Contents contents;
  if (length.least > 0 || length.most != kUnbounded) {
    const absl::StatusOr<Expression> plain = AddRegex(pattern, contents.plain.emplace(), match);
    if (!plain.ok()) return SchemaError(place, plain.status().message());
    contents.plain->SetStart(*plain);
  }
  const absl::StatusOr<Expression> written =
      AddRegex(pattern, grammar, match,
               EachOnce(NegatesAClass(pattern) ? WriteUndisputed : JsonGrammar::WriteCharacters));
  if (!written.ok()) return SchemaError(place, written.status().message());
  contents.written = *written;
  return contents;
}

absl::StatusOr<Contents> FormatContents(const SchemaPlace& place, CountRange length,
                                        Grammar& grammar) {
  std::string names;
  for (const Format& format : kFormats) {
    if (format.name == place.value->text) {
      return PatternContents(place, format.pattern, RegexMatch::kWhole, length, grammar);
    }
    absl::StrAppend(&names, names.empty() ? "" : ", ", format.name);
  }
  return SchemaError(place, absl::StrCat("the format ", Quoted(place.value->text),
                                         " is not supported; supported are ", names));
}

// The pattern's repetition of one character whose count decides the length, and how often it may
// repeat for the text to have a length within `wanted`.
struct Clip {
  std::size_t part = 0;
  CountRange counts;
};

// Nothing if there is no such repetition.
std::optional<Clip> FindClip(const Grammar& plain, const std::vector<CountRange>& lengths,
                             std::span<const Expression> parts, CountRange wanted) {
  std::optional<Clip> clip;
  std::size_t fixed = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const CountRange length = lengths[parts[i].index];
    const Grammar::Node& node = plain.node(parts[i]);
    if (length.least == length.most) {
      fixed = Plus(fixed, length.least);
      continue;
    }
    if (clip || node.kind != Kind::kRepeat) return std::nullopt;
    const CountRange one = lengths[plain.children(node).front().index];
    if (one.least != 1 || one.most != 1) return std::nullopt;
    clip = Clip{.part = i, .counts = {node.least, node.most}};
  }
  if (!clip || wanted.most < fixed) return std::nullopt;
  clip->counts.least = std::max(clip->counts.least, wanted.least - std::min(fixed, wanted.least));
  if (wanted.most != kUnbounded) {
    clip->counts.most = std::min(clip->counts.most, wanted.most - fixed);
  }
  return clip;
}

std::vector<Expression> PartsOf(const Grammar& grammar, Expression expression) {
  const Grammar::Node& node = grammar.node(expression);
  if (node.kind != Kind::kSequence) return {expression};
  const std::span<const Expression> parts = grammar.children(node);
  return {parts.begin(), parts.end()};
}

absl::StatusOr<Expression> Clipped(const SchemaPlace& place, const Contents& contents,
                                   CountRange wanted, Grammar& grammar) {
  if (!contents.plain) return contents.written;
  const Grammar& plain = *contents.plain;
  const std::vector<CountRange> lengths = Lengths(plain);
  const CountRange length = lengths[plain.start().index];
  if (length.least > wanted.most || length.most < wanted.least) {
    return SchemaError(place,
                       "no text of it has a length within minLength and maxLength, so "
                       "nothing satisfies the schema");
  }
  if (length.least >= wanted.least && length.most <= wanted.most) return contents.written;
  const std::optional<Clip> clip = FindClip(plain, lengths, PartsOf(plain, plain.start()), wanted);
  std::vector<Expression> parts = PartsOf(grammar, contents.written);
  if (!clip || clip->counts.least > clip->counts.most || clip->part >= parts.size() ||
      grammar.node(parts[clip->part]).kind != Kind::kRepeat) {
    return SchemaError(place,
                       "minLength and maxLength beside it are not supported; say the "
                       "length in the pattern, such as ^[a-z]{2,5}$");
  }
  const Expression one = grammar.children(grammar.node(parts[clip->part])).front();
  parts[clip->part] = grammar.Repeat(one, clip->counts.least, clip->counts.most);
  return grammar.Sequence(parts);
}

}  // namespace

absl::StatusOr<Expression> AddStrings(const MergedSchema& schema, JsonGrammar& json,
                                      Grammar& grammar) {
  if (schema.length.least > schema.length.most) {
    return SchemaError(schema.first(),
                       "minLength is above maxLength, so nothing satisfies the schema");
  }
  if (schema.patterns.empty() && schema.formats.empty()) {
    return json.String(schema.length.least, schema.length.most);
  }
  if (schema.patterns.size() + schema.formats.size() > 1) {
    const SchemaPlace& last =
        schema.formats.empty() ? schema.patterns.back() : schema.formats.back();
    return SchemaError(last, "more than one pattern or format of a string is not supported");
  }
  const SchemaPlace& place =
      schema.formats.empty() ? schema.patterns.front() : schema.formats.front();
  const absl::StatusOr<Contents> contents =
      schema.formats.empty() ? PatternContents(place, place.value->text, RegexMatch::kSomewhere,
                                               schema.length, grammar)
                             : FormatContents(place, schema.length, grammar);
  if (!contents.ok()) return contents.status();
  const absl::StatusOr<Expression> clipped = Clipped(place, *contents, schema.length, grammar);
  if (!clipped.ok()) return clipped.status();
  return json.Quoted(*clipped);
}

}  // namespace cascade::model
