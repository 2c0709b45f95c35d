// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/constraint_examples.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "model/processors/exclude.h"

namespace cascade::bench {
namespace {

using model::ConstraintSpec;
using Kind = ConstraintSpec::Kind;

ConstraintSpec Spec(Kind kind, absl::string_view text) {
  ConstraintSpec spec;
  spec.kind = kind;
  spec.text = std::string(text);
  return spec;
}

ConstraintSpec ThousandChoices() {
  ConstraintSpec spec;
  spec.kind = Kind::kChoice;
  for (int i = 0; i < 1000; ++i) spec.choices.push_back(absl::StrCat("choice number ", i * 7919));
  return spec;
}

constexpr absl::string_view kTree = R"({"$ref":"#/$defs/node","$defs":{"node":{"type":"object",
"properties":{"name":{"type":"string"},"children":{"type":"array","items":{"$ref":"#/$defs/node"}}},
"required":["name","children"]}}})";

constexpr absl::string_view kJsonGrammar = R"(root ::= value
value ::= object | array | string | number | "true" | "false" | "null"
object ::= "{" ws (member ("," ws member)*)? "}" ws
member ::= string ":" ws value
array ::= "[" ws (value ("," ws value)*)? "]" ws
string ::= "\"" ([^"\\\x00-\x1f] | "\\" (["\\/bfnrt] | "u" [0-9a-fA-F]{4}))* "\"" ws
number ::= "-"? ("0" | [1-9] [0-9]{0,15}) ("." [0-9]{1,15})? ([eE] [-+]? [0-9]{1,2})? ws
ws ::= [ \t\n]{0,4}
)";

}  // namespace

ConstraintSpec AnyJson() { return Spec(Kind::kJsonObject, ""); }

ConstraintSpec PersonSchema() {
  return Spec(Kind::kJsonSchema, R"({"type":"object","properties":{
"name":{"type":"string","maxLength":60},"age":{"type":"integer","minimum":0,"maximum":150},
"email":{"type":"string","format":"email"},"born":{"type":"string","format":"date"},
"active":{"type":"boolean"},"score":{"type":"number"},
"tags":{"type":"array","items":{"type":"string"},"maxItems":8},
"role":{"enum":["admin","user","guest"]},"manager":{"type":["string","null"]},
"notes":{"type":"string"}},"required":["name","age","email","role"]})");
}

std::vector<std::pair<std::string, ConstraintSpec>> ConstraintExamples() {
  return {{"regex: a date", Spec(Kind::kRegex, R"(\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01]))")},
          {"regex: an address of mail",
           Spec(Kind::kRegex, R"([\w.+-]{1,40}@[\w-]{1,40}(\.[a-z]{2,10}){1,3})")},
          {"any JSON object", AnyJson()},
          {"schema: ten properties", PersonSchema()},
          {"schema: a tree", Spec(Kind::kJsonSchema, kTree)},
          {"grammar: JSON in GBNF", Spec(Kind::kGrammar, kJsonGrammar)},
          {"a thousand choices", ThousandChoices()}};
}

model::TokenId AnyAllowed(std::span<const float> logits, std::mt19937& random) {
  std::vector<model::TokenId> allowed;
  for (std::size_t id = 0; id < logits.size(); ++id) {
    if (logits[id] != model::kExcludedLogit) allowed.push_back(static_cast<model::TokenId>(id));
  }
  return allowed[random() % allowed.size()];
}

}  // namespace cascade::bench
