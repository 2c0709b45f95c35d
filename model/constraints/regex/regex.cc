// SPDX-License-Identifier: Apache-2.0

#include "model/constraints/regex/regex.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "model/constraints/regex/regex_scanner.h"
#include "model/constraints/utf8.h"

namespace cascade::model {
namespace {

using Expression = Grammar::Expression;

constexpr std::size_t kMaxNesting = 100;
const CharacterSet kAnyCharacter = {{0, kLastCodePoint}};
const CharacterSet kNoNewline = {{0, '\n' - 1}, {'\n' + 1, kLastCodePoint}};

struct Counts {
  std::size_t least = 0;
  std::size_t most = Grammar::kUnbounded;
};

// Recursive descent: alternatives of sequences of quantified atoms.
class RegexParser {
 public:
  RegexParser(std::u32string pattern, Grammar& grammar, RegexMatch match,
              const CharacterWriter& write)
      : scanner_(std::move(pattern)), grammar_(grammar), match_(match), write_(write) {}

  absl::StatusOr<Expression> Parse() {
    if (absl::Status status = ParseFlags(); !status.ok()) return status;
    absl::StatusOr<Expression> expression = ParseAlternatives(/*depth=*/0);
    if (expression.ok() && !scanner_.AtEnd()) {
      scanner_.Take();
      return scanner_.Error("this ) closes no group");
    }
    return expression;
  }

 private:
  // Flags such as (?i), at the beginning.
  absl::Status ParseFlags() {
    while (scanner_.StartsWith("(?i") || scanner_.StartsWith("(?s")) {
      scanner_.Skip("(?");
      while (!scanner_.Skip(")")) {
        if (scanner_.Skip("i")) {
          ignore_case_ = true;
        } else if (scanner_.Skip("s")) {
          dot_is_newline_too_ = true;
        } else {
          return scanner_.Error("of the flags only i and s are supported, for the whole pattern");
        }
      }
    }
    return absl::OkStatus();
  }

  absl::StatusOr<Expression> ParseAlternatives(std::size_t depth) {
    std::vector<Expression> alternatives;
    do {
      absl::StatusOr<Expression> sequence = depth == 0 ? ParseAnchored() : ParseSequence(depth);
      if (!sequence.ok()) return sequence;
      alternatives.push_back(*sequence);
    } while (scanner_.Skip("|"));
    return alternatives.size() == 1 ? alternatives.front() : grammar_.Choice(alternatives);
  }

  // An alternative of the whole pattern, which anchors may begin and end.
  absl::StatusOr<Expression> ParseAnchored() {
    bool from_start = match_ == RegexMatch::kWhole;
    while (scanner_.Skip("^") || scanner_.Skip("\\A")) from_start = true;
    const absl::StatusOr<Expression> sequence = ParseSequence(0);
    if (!sequence.ok()) return sequence;
    bool to_end = match_ == RegexMatch::kWhole;
    while (scanner_.Skip("$") || scanner_.Skip("\\Z")) to_end = true;
    if (!scanner_.AtEnd() && !scanner_.StartsWith("|") && !scanner_.StartsWith(")")) {
      return scanner_.Error("$ and \\Z are supported at the end of the pattern alone");
    }
    std::vector<Expression> parts;
    if (!from_start) parts.push_back(Anything());
    parts.push_back(*sequence);
    if (!to_end) parts.push_back(Anything());
    return parts.size() == 1 ? parts.front() : grammar_.Sequence(parts);
  }

  Expression Anything() { return grammar_.Repeat(write_(kAnyCharacter, grammar_), 0); }

  bool AtEndOfSequence(std::size_t depth) const {
    if (scanner_.AtEnd() || scanner_.StartsWith("|") || scanner_.StartsWith(")")) return true;
    return depth == 0 && (scanner_.StartsWith("$") || scanner_.StartsWith("\\Z"));
  }

  absl::StatusOr<Expression> ParseSequence(std::size_t depth) {
    std::vector<Expression> parts;
    while (!AtEndOfSequence(depth)) {
      const absl::StatusOr<std::optional<Expression>> atom = ParseAtom(depth);
      if (!atom.ok()) return atom.status();
      if (!atom->has_value()) continue;  // a comment
      const absl::StatusOr<Expression> quantified = ParseQuantifier(**atom);
      if (!quantified.ok()) return quantified;
      if (grammar_.TooLarge()) {
        return scanner_.Error(absl::StrCat(
            "the pattern is too large: up to here it takes more than ", Grammar::kMaxSize,
            " expressions; fewer and simpler classes make it "
            "smaller"));
      }
      parts.push_back(*quantified);
    }
    return parts.size() == 1 ? parts.front() : grammar_.Sequence(parts);
  }

  absl::StatusOr<std::optional<Expression>> ParseAtom(std::size_t depth) {
    const char32_t c = scanner_.Take();
    switch (c) {
      case '(':
        return ParseGroup(depth);
      case '[':
        return Write(scanner_.TakeClass(ignore_case_));
      case '.':
        return write_(dot_is_newline_too_ ? kAnyCharacter : kNoNewline, grammar_);
      case '\\':
        if (scanner_.Skip("b")) {
          return scanner_.Error("\\b is not supported: nothing looks at what is beside");
        }
        if (scanner_.StartsWith("A") || scanner_.StartsWith("Z")) {
          return scanner_.Error("anchors are supported at the ends of the pattern alone");
        }
        return Write(scanner_.TakeEscape());
      case '^':
      case '$':
        return scanner_.Error("anchors are supported at the ends of the pattern alone");
      case '*':
      case '+':
      case '?':
        return scanner_.Error(absl::StrCat("there is nothing that ", EncodeUtf8(c),
                                           " could repeat; write \\", EncodeUtf8(c),
                                           " for the character"));
      default:
        return Write(CharacterSet{{c, c}});
    }
  }

  absl::StatusOr<std::optional<Expression>> Write(absl::StatusOr<CharacterSet> set) {
    if (!set.ok()) return set.status();
    if (ignore_case_) set = WithBothCases(*std::move(set));
    return write_(*set, grammar_);
  }

  // What follows a '('.
  absl::StatusOr<std::optional<Expression>> ParseGroup(std::size_t depth) {
    if (depth == kMaxNesting) {
      return scanner_.Error(absl::StrCat("groups nest deeper than ", kMaxNesting));
    }
    if (scanner_.Skip("?#")) {
      while (!scanner_.Skip(")")) {
        if (scanner_.AtEnd()) return scanner_.Error("the comment has no closing )");
        scanner_.Take();
      }
      return std::nullopt;
    }
    if (absl::Status status = SkipGroupKind(); !status.ok()) return status;
    const absl::StatusOr<Expression> inside = ParseAlternatives(depth + 1);
    if (!inside.ok()) return inside.status();
    if (!scanner_.Skip(")")) return scanner_.Error("the group has no closing )");
    return *inside;
  }

  absl::Status SkipGroupKind() {
    if (!scanner_.Skip("?") || scanner_.Skip(":")) return absl::OkStatus();
    if (scanner_.StartsWith("=") || scanner_.StartsWith("!") || scanner_.StartsWith("<=") ||
        scanner_.StartsWith("<!")) {
      return scanner_.Error("look-around is not supported");
    }
    if (!scanner_.Skip("P<") && !scanner_.Skip("<")) {
      return scanner_.Error(
          "of the groups that begin with (? only (?:, (?P<name> and (?# are "
          "supported, and (?i) and (?s) at the beginning");
    }
    while (!scanner_.Skip(">")) {
      if (scanner_.AtEnd()) return scanner_.Error("the group's name has no closing >");
      scanner_.Take();
    }
    return absl::OkStatus();
  }

  absl::StatusOr<Expression> ParseQuantifier(Expression atom) {
    const std::optional<Counts> counts = TakeCounts();
    if (!counts) return atom;
    if (counts->least > counts->most) {
      return scanner_.Error("the least count is greater than the greatest");
    }
    if (scanner_.Skip("+")) return scanner_.Error("possessive quantifiers are not supported");
    scanner_.Skip("?");  // lazy: of the same texts
    const std::size_t end = scanner_.position();
    if (TakeCounts()) {
      scanner_.Return(end + 1);
      return scanner_.Error("two quantifiers follow each other; put the first into a group");
    }
    return grammar_.Repeat(atom, counts->least, counts->most);
  }

  // A quantifier, if one comes. A '{' that begins none is a character, as in Python.
  std::optional<Counts> TakeCounts() {
    if (scanner_.Skip("*")) return Counts{};
    if (scanner_.Skip("+")) return Counts{.least = 1};
    if (scanner_.Skip("?")) return Counts{.least = 0, .most = 1};
    const std::size_t start = scanner_.position();
    if (!scanner_.Skip("{")) return std::nullopt;
    const std::optional<std::size_t> least = scanner_.TakeNumber();
    const bool has_comma = scanner_.Skip(",");
    const std::optional<std::size_t> most = has_comma ? scanner_.TakeNumber() : least;
    if (!scanner_.Skip("}") || (!least && !most)) {
      scanner_.Return(start);
      return std::nullopt;
    }
    return Counts{.least = least.value_or(0), .most = most.value_or(Grammar::kUnbounded)};
  }

  RegexScanner scanner_;
  Grammar& grammar_;
  const RegexMatch match_;
  const CharacterWriter& write_;
  bool ignore_case_ = false;
  bool dot_is_newline_too_ = false;
};

}  // namespace

Grammar::Expression WriteAsUtf8(std::span<const CodePointRange> ranges, Grammar& grammar) {
  return grammar.Characters(ranges);
}

absl::StatusOr<Grammar::Expression> AddRegex(absl::string_view pattern, Grammar& grammar,
                                             RegexMatch match, const CharacterWriter& write) {
  std::optional<std::u32string> characters = DecodeUtf8(pattern);
  if (!characters) return absl::InvalidArgumentError("the pattern is not valid UTF-8");
  return RegexParser(*std::move(characters), grammar, match, write).Parse();
}

}  // namespace cascade::model
