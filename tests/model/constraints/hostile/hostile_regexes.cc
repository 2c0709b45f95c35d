// SPDX-License-Identifier: Apache-2.0

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "model/constraints/utf8.h"
#include "tests/model/constraints/hostile/hostile_inputs.h"

namespace cascade::testing {
namespace {

using Size = std::size_t;

// The pieces one after the other.
std::string Series(Size bytes, absl::FunctionRef<std::string(Size)> piece) {
  return Filled(bytes, "", piece, "");
}

std::string Series(Size bytes, absl::string_view piece) {
  return Series(bytes, [&](Size) { return std::string(piece); });
}

// Pieces in a group that is repeated.
std::string Looped(Size bytes, absl::string_view first, absl::string_view piece,
                   absl::string_view end) {
  return Filled(
      bytes, first, [&](Size) { return std::string(piece); }, end);
}

std::string TwoOf(Size i) {
  const auto letter = [](Size n) { return std::string(1, static_cast<char>('0' + n % 70)); };
  const std::string both = letter(i * 7 + 3) + letter(i / 70 + i * 13);
  return absl::StrCat("[", both.find_first_of("[]\\^") == std::string::npos ? both : "xy", "]");
}

std::string EveryOther(Size bytes, absl::string_view begin, absl::string_view end) {
  return Filled(
      bytes, begin, [](Size i) { return model::EncodeUtf8(static_cast<char32_t>(0x100 + 2 * i)); },
      end);
}

std::string ThreeLetters(Size i) {
  const auto letter = [](Size n) { return static_cast<char>('a' + n % 26); };
  return {letter(i), letter(i / 26), letter(i / 676), '|'};
}

}  // namespace

std::vector<HostileFamily> HostileRegexes() {
  return {
      {"nested counts",
       [](Size bytes) { return Times("(", bytes / 700) + "a" + Times("){9}", bytes / 700); }},
      {"nested optional counts",
       [](Size bytes) { return Times("(", bytes / 700) + "a?" + Times("){0,99}", bytes / 700); }},
      {"huge counts", [](Size bytes) { return Series(bytes, "a{1000000}"); }},
      {"huge counts of any character", [](Size bytes) { return Series(bytes, ".{0,999999999}"); }},
      {"a count that just fits", [](Size bytes) { return absl::StrCat("a{0,", bytes, "}"); }},
      {"(a?){n}a{n}", [](Size bytes) { return absl::StrCat("(a?){", bytes, "}a{", bytes, "}"); }},
      {"exponential states", [](Size bytes) { return absl::StrCat(".*a.{", bytes / 10, "}"); }},
      {"many exponential states",
       [](Size bytes) {
         return Series(bytes, [](Size i) { return absl::StrCat("(.*[a-z].{", i % 40, "})?"); });
       }},
      {"words",
       [](Size bytes) {
         return Filled(
             bytes, "(", [](Size i) { return absl::StrCat("w", i, "|"); }, "x)*");
       }},
      {"short words and all bytes apart",
       [](Size bytes) {
         std::string apart;
         for (char32_t c = 0x80; c < 0x800; c += 0x21) {
           absl::StrAppend(&apart, "|", model::EncodeUtf8(c));
         }
         return Filled(bytes, "(", ThreeLetters, absl::StrCat("x", apart, ")z*"));
       }},
      {"words in either case",
       [](Size bytes) {
         return Filled(
             bytes, "(?i)(", [](Size i) { return absl::StrCat(i * 7919, "word|"); }, "x)+");
       }},
      {"deep groups",
       [](Size bytes) { return Times("(", bytes / 2 - 1) + "a" + Times(")", bytes / 2 - 1); }},
      {"groups as deep as may be",
       [](Size bytes) { return Series(bytes, Times("(", 99) + "a" + Times(")*", 99)); }},
      {"overlapping classes", [](Size bytes) { return Series(bytes, TwoOf); }},
      {"any characters", [](Size bytes) { return Series(bytes, "."); }},
      {"any characters or none", [](Size bytes) { return Series(bytes, ".?"); }},
      {"any texts", [](Size bytes) { return Series(bytes, ".*"); }},
      {"any texts between letters",
       [](Size bytes) {
         return Series(
             bytes, [](Size i) { return ".*" + std::string(1, static_cast<char>('a' + i % 26)); });
       }},
      {"negated classes", [](Size bytes) { return Series(bytes, "[^a]"); }},
      {"different negated classes",
       [](Size bytes) {
         return Series(bytes, [](Size i) {
           return absl::StrCat("[^", model::EncodeUtf8(static_cast<char32_t>(0x400 + i)), "]");
         });
       }},
      {"a class of many", [](Size bytes) { return EveryOther(bytes, "[", "]+"); }},
      {"a counted class of many", [](Size bytes) { return EveryOther(bytes, "[", "]{999}"); }},
      {"a negated class of many", [](Size bytes) { return EveryOther(bytes, "[^", "]{9}"); }},
      {"classes of many",
       [](Size bytes) {
         return Series(bytes, [](Size i) { return EveryOther(200, "[", absl::StrCat(i, "]")); });
       }},
      {"empty alternatives", [](Size bytes) { return Looped(bytes, "(a|", "|", "b){100000}"); }},
      {"empty groups", [](Size bytes) { return Looped(bytes, "(a", "()", "){100000}"); }},
      {"empty groups without end", [](Size bytes) { return Looped(bytes, "(a", "()", ")*"); }},
      {"repeated empty groups",
       [](Size bytes) { return Looped(bytes, "(a?", "(){999999999}", "){99999}"); }},
      {"impossible alternatives",
       [](Size bytes) { return Looped(bytes, "(a", "|[^\\s\\S]", "){100000}"); }},
      {"impossible parts",
       [](Size bytes) { return Looped(bytes, "a|(b", "[^\\s\\S]*", "){999}"); }},
      {"stars of stars", [](Size bytes) { return Series(bytes, "((a*)*|(b*)+)*"); }},
      {"alternatives alike", [](Size bytes) { return Looped(bytes, "(a", "|a", ")*"); }},
      {"any alternatives", [](Size bytes) { return Looped(bytes, "(.", "|.", "){0,50}"); }},
      {"overlapping counts",
       [](Size bytes) {
         return Series(bytes,
                       [](Size i) { return absl::StrCat(i > 0 ? "|" : "", ".{0,", i, "}"); });
       }},
      {"letters that may be left out",
       [](Size bytes) {
         return Series(
             bytes, [](Size i) { return std::string(1, static_cast<char>('a' + i % 26)) + "?"; });
       }},
      {"named classes", [](Size bytes) { return Series(bytes, "\\D\\W\\S\\d\\w\\s"); }},
      {"comments", [](Size bytes) { return Series(bytes, "(?#c)") + "a"; }},
      {"named groups", [](Size bytes) { return Series(bytes, "(?P<n>a)?"); }},
      {"anchors", [](Size bytes) { return Series(bytes, "^a$|"); }},
      {"open classes", [](Size bytes) { return Series(bytes, "["); }},
      {"open groups", [](Size bytes) { return Series(bytes, "(a|"); }},
      {"not UTF-8", [](Size bytes) { return Series(bytes, "a\xC3"); }},
      {"zeros", [](Size bytes) { return std::string(bytes, '\0'); }},
  };
}

}  // namespace cascade::testing
