// SPDX-License-Identifier: Apache-2.0

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/model/constraints/hostile/hostile_inputs.h"

namespace cascade::testing {
namespace {

using Size = std::size_t;

// Rules r1, r2 ... of the forms that `body` makes with the next one's name, and a last one.
std::string Chain(Size bytes, absl::FunctionRef<std::string(const std::string&)> body,
                  absl::string_view last) {
  Size rules = 0;
  std::string text = Filled(
      bytes - last.size() - 20, "root ::= r0\n",
      [&](Size i) {
        rules = i;
        return absl::StrCat("r", i, " ::= ", body(absl::StrCat("r", i + 1)), "\n");
      },
      "");
  return text + absl::StrCat("r", rules, " ::= ", last, "\n");
}

std::string Rule(Size bytes, absl::string_view begin, absl::string_view piece,
                 absl::string_view end) {
  return Filled(
      bytes, begin, [&](Size) { return std::string(piece); }, end);
}

std::string Union(Size bytes, absl::string_view body) {
  Size rules = 0;
  std::string text = Filled(
      bytes / 2, "",
      [&](Size i) {
        rules = i;
        return absl::StrCat("r", i, " ::= ", body, "\n");
      },
      "root ::= \"x\"");
  for (Size i = 0; i < rules; ++i) absl::StrAppend(&text, " | r", i);
  return text;
}

}  // namespace

std::vector<HostileFamily> HostileGrammars() {
  return {
      {"exponential rules",
       [](Size bytes) {
         return Chain(
             bytes, [](const std::string& r) { return r + " \"a\" | " + r + " \"b\""; }, "\"c\"");
       }},
      {"rules twice",
       [](Size bytes) {
         return Chain(
             bytes, [](const std::string& r) { return r + " " + r; }, "\"c\" | \"\"");
       }},
      {"rules that may be nothing",
       [](Size bytes) {
         return Chain(
             bytes, [](const std::string& r) { return "(" + r + "? " + r + "*)?"; }, "\"c\"");
       }},
      {"counted rules",
       [](Size bytes) {
         return Chain(
             bytes, [](const std::string& r) { return r + "{0,1000}"; }, "[a-z]{500}");
       }},
      {"a chain",
       [](Size bytes) {
         return Chain(
             bytes, [](const std::string& r) { return r; }, "\"c\"");
       }},
      {"a chain with ends",
       [](Size bytes) {
         return Chain(
             bytes, [](const std::string& r) { return r + " \"e\"?"; }, "\"c\"");
       }},
      {"a chain into itself",
       [](Size bytes) {
         return Chain(
             bytes, [](const std::string& r) { return "\"a\"? " + r + " | \"b\""; },
             "r0 \"c\" | \"d\"");
       }},
      {"left recursion at the end of a chain",
       [](Size bytes) {
         return Chain(
             bytes, [](const std::string& r) { return "\"\" " + r + " \"a\""; }, "r0");
       }},
      {"hidden left recursion",
       [](Size bytes) {
         return Rule(bytes, "root ::= e e root | \"a\"\ne ::= \"\"", " | \"\"", "\n");
       }},
      {"a union of rules", [](Size bytes) { return Union(bytes, "\"a\" root \"b\" | \"c\""); }},
      {"a union of texts", [](Size bytes) { return Union(bytes, ".{0,99}"); }},
      {"ambiguous recursion",
       [](Size bytes) {
         return Rule(bytes, "root ::= \"a\" root root | \"a\"", " | \"a\" root root", "\n");
       }},
      {"texts alike", [](Size bytes) { return Rule(bytes, "root ::= (\"a\"", " | \"a\"", ")*"); }},
      {"any characters", [](Size bytes) { return Rule(bytes, "root ::= ", ".", ""); }},
      {"negated classes", [](Size bytes) { return Rule(bytes, "root ::= ", "[^a]*", ""); }},
      {"huge counts", [](Size bytes) { return Rule(bytes, "root ::= ", ".{999999999} ", ""); }},
      {"counts of counts", [](Size bytes) { return Rule(bytes, "root ::= \"a\"", "{2}", ""); }},
      {"quantifiers of quantifiers",
       [](Size bytes) { return Rule(bytes, "root ::= \"a\"", "?*+", ""); }},
      {"deep groups", [](Size bytes) { return Rule(bytes, "root ::= ", "(", "\"a\""); }},
      {"empty texts", [](Size bytes) { return Rule(bytes, "root ::= (\"a\"", "\"\"", "){9999}"); }},
      {"empty alternatives",
       [](Size bytes) { return Rule(bytes, "root ::= (\"a\"", "|", "){99999}"); }},
      {"rules that call nothing",
       [](Size bytes) {
         return Filled(
             bytes, "root ::= \"a\"\n", [](Size i) { return absl::StrCat("r", i, " ::= r\n"); },
             "");
       }},
      {"rules without texts",
       [](Size bytes) {
         return Filled(
             bytes, "root ::= \"a\" | r0\n",
             [](Size i) { return absl::StrCat("r", i, " ::= \"b\" r", i, " | \"c\" r0\n"); }, "");
       }},
      {"a long name", [](Size bytes) { return Rule(bytes, "root ::= ", "a", ""); }},
      {"comments and space", [](Size bytes) { return Rule(bytes, "root ::= a ", " #\n", "\n"); }},
      {"one name often",
       [](Size bytes) { return Rule(bytes, "a ::= \"a\"\nroot ::= ", "a ", ""); }},
      {"imports",
       [](Size bytes) {
         return Filled(
             bytes, "start: n0+\n",
             [](Size i) { return absl::StrCat("%import common.NUMBER -> n", i, "\n"); }, "");
       }},
      {"imports of all",
       [](Size bytes) {
         std::string calls = "start: (s0";
         const std::string imports = Filled(
             bytes * 3 / 5, "",
             [&](Size i) {
               absl::StrAppend(&calls, "|s", i);
               return absl::StrCat("%import common.ESCAPED_STRING -> s", i, "\n");
             },
             "");
         return calls + ")*\n" + imports + "%import common.ESCAPED_STRING -> s9999999\n";
       }},
      {"Lark patterns", [](Size bytes) { return Rule(bytes, "start: ", "/.*x/s ", ""); }},
      {"a Lark pattern", [](Size bytes) { return Rule(bytes, "start: /", "[^ab]?", "/"); }},
      {"Lark texts in either case",
       [](Size bytes) { return Rule(bytes, "start: (", "\"abc\"i? ", ")*"); }},
      {"Lark ranges",
       [](Size bytes) { return Rule(bytes, "start: ", "\"a\"..\"\xC3\xBF\" ", ""); }},
      {"Lark options", [](Size bytes) { return Rule(bytes, "start: ", "[\"a\"] ", ""); }},
      {"Lark counts",
       [](Size bytes) { return Rule(bytes, "start: ", "(\"a\"|\"b\")~1..99999999 ", ""); }},
      {"Lark marks", [](Size bytes) { return Rule(bytes, "start: \"a\" ", "?!", ""); }},
  };
}

}  // namespace cascade::testing
