// SPDX-License-Identifier: Apache-2.0

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "model/constraints/utf8.h"
#include "tests/model/constraints/hostile/hostile_inputs.h"

namespace cascade::testing {
namespace {

using Size = std::size_t;

// Properties of one schema each, named by what `name` makes of a number.
std::string Properties(Size bytes, absl::string_view begin,
                       absl::FunctionRef<std::string(Size)> name, absl::string_view schema,
                       absl::string_view end) {
  return List(
      bytes, absl::StrCat("{", begin, "\"properties\":{"),
      [&](Size i) { return absl::StrCat("\"", name(i), "\":", schema); },
      absl::StrCat("}", end, "}"));
}

std::string Numbered(Size i) { return absl::StrCat("p", i); }
std::string Spread(Size i) { return absl::StrCat(i * 7919 % 100003, "k"); }
std::string LongPrefix(Size i) { return Times("a", 60) + std::to_string(i); }
std::string Growing(Size i) { return Times("a", i % 300) + std::to_string(i / 300); }
std::string Unicode(Size i) {
  return model::EncodeUtf8(static_cast<char32_t>(0x4E00 + i)) + model::EncodeUtf8(U'\x1F600');
}

std::string Nested(Size depth, absl::string_view begin, absl::string_view middle,
                   absl::string_view end) {
  return absl::StrCat(Times(begin, depth), middle, Times(end, depth));
}

std::string References(Size bytes, absl::FunctionRef<std::string(Size)> definition) {
  return List(
      bytes, R"({"$ref":"#/$defs/d0","$defs":{)",
      [&](Size i) { return absl::StrCat("\"d", i, "\":", definition(i)); },
      R"(,"d9999999":{"type":"null"}}})");
}

std::string Numbers(Size bytes, absl::FunctionRef<std::string(Size)> schema) {
  return List(bytes, R"({"prefixItems":[)", schema, "]}");
}

}  // namespace

std::vector<HostileFamily> HostileSchemas() {
  return {
      {"deep objects",
       [](Size bytes) { return Nested(bytes / 1000, R"({"properties":{"a":)", "{}", "}}"); }},
      {"deep arrays that may be anything",
       [](Size bytes) { return Nested(bytes / 2200, R"({"maxItems":9,"items":)", "{}", "}"); }},
      {"deep JSON", [](Size bytes) { return Nested(bytes / 2, "[", "", "]"); }},
      {"properties that may be left out",
       [](Size bytes) { return Properties(bytes, "", Numbered, "{}", ""); }},
      {"strings that may be left out",
       [](Size bytes) { return Properties(bytes, "", Numbered, R"({"type":"string"})", ""); }},
      {"dates that may be left out",
       [](Size bytes) {
         return Properties(bytes, "", Spread, R"({"type":"string","format":"date-time"})", "");
       }},
      {"properties and others",
       [](Size bytes) {
         return Properties(bytes, R"("additionalProperties":true,)", Numbered, "true", "");
       }},
      {"spread properties and others",
       [](Size bytes) {
         return Properties(bytes, R"("additionalProperties":{},)", Spread, "{}", "");
       }},
      {"long names and others",
       [](Size bytes) {
         return Properties(bytes, R"("additionalProperties":{},)", LongPrefix, "{}", "");
       }},
      {"growing names and others",
       [](Size bytes) {
         return Properties(bytes, R"("additionalProperties":{},)", Growing, "{}", "");
       }},
      {"names in Unicode and others",
       [](Size bytes) {
         return Properties(bytes, R"("additionalProperties":{},)", Unicode, "{}", "");
       }},
      {"one long name",
       [](Size bytes) {
         return Properties(
             300, R"("additionalProperties":{},)", [&](Size) { return Times("n", bytes - 90); },
             "{}", "");
       }},
      {"names that are required",
       [](Size bytes) {
         return List(
             bytes, R"({"type":"object","required":[)",
             [](Size i) { return absl::StrCat("\"", Numbered(i), "\""); }, "]}");
       }},
      {"objects of objects",
       [](Size bytes) {
         return Properties(
             bytes, "", Numbered,
             R"({"type":"object","properties":{"a":{"type":"object"},"b":{"type":"array"}}})", "");
       }},
      {"many other members",
       [](Size bytes) {
         return Properties(bytes, R"("additionalProperties":{},"maxProperties":999999999,)",
                           Numbered, "{}", "");
       }},
      {"a web of references",
       [](Size bytes) {
         return References(bytes, [](Size i) {
           return absl::StrCat(R"({"properties":{"a":{"$ref":"#/$defs/d)", i * 7 % 50,
                               R"("},"b":{"$ref":"#/$defs/d)", i * 13 % 50, R"("}}})");
         });
       }},
      {"a chain of references",
       [](Size bytes) {
         return References(
             bytes, [](Size i) { return absl::StrCat(R"({"$ref":"#/$defs/d)", i + 1, "\"}"); });
       }},
      {"references to references in items",
       [](Size bytes) {
         return References(bytes, [](Size i) {
           return absl::StrCat(R"({"items":{"$ref":"#/$defs/d)", i / 2, R"("},"minItems":)", i,
                               "}");
         });
       }},
      {"long pointers",
       [](Size bytes) {
         return List(
             bytes, R"({"prefixItems":[)",
             [](Size) { return absl::StrCat(R"({"$ref":"#)", Times("/prefixItems/0", 9), "\"}"); },
             "]}");
       }},
      {"one long pointer",
       [](Size bytes) {
         return absl::StrCat(R"({"$ref":"#)", Times("/%41", bytes / 4 - 10), "\"}");
       }},
      {"texts of enum",
       [](Size bytes) {
         return List(
             bytes, R"({"enum":[)", [](Size i) { return absl::StrCat("\"", i * 7919, "\""); },
             "]}");
       }},
      {"numbers of enum",
       [](Size bytes) {
         return List(
             bytes, R"({"enum":[)", [](Size i) { return absl::StrCat(i); }, "]}");
       }},
      {"a large const",
       [](Size bytes) {
         return List(
             bytes, R"({"const":[)", [](Size i) { return absl::StrCat("{\"a\":", i, "}"); }, "]}");
       }},
      {"long strings",
       [](Size bytes) {
         return Numbers(bytes, [](Size i) {
           return absl::StrCat(R"({"type":"string","minLength":)", i, R"(,"maxLength":999999})");
         });
       }},
      {"long arrays",
       [](Size bytes) {
         return Numbers(bytes, [](Size i) {
           return absl::StrCat(R"({"items":{"type":"number"},"maxItems":)", 100000 + i, "}");
         });
       }},
      {"arrays of long arrays",
       [](Size bytes) {
         return Nested(bytes / 2200, R"({"minItems":1000,"maxItems":1000000,"items":)",
                       R"({"type":"null"})", "}");
       }},
      {"elements that may be left out",
       [](Size bytes) { return Numbers(bytes, [](Size) { return std::string("{}"); }); }},
      {"patterns",
       [](Size bytes) {
         return Numbers(bytes, [](Size i) {
           return absl::StrCat(R"({"type":"string","pattern":"[^a]{)", i % 50, R"(}.*"})");
         });
       }},
      {"a pattern",
       [](Size bytes) {
         return absl::StrCat(R"({"type":"string","pattern":")", Times("[^b]?\\\\W", bytes / 10),
                             "\"}");
       }},
      {"patterns with lengths",
       [](Size bytes) {
         return Numbers(bytes, [](Size i) {
           return absl::StrCat(R"({"type":"string","maxLength":)", i + 3,
                               R"(,"pattern":"^a[^a]*$"})");
         });
       }},
      {"formats",
       [](Size bytes) {
         return Numbers(bytes,
                        [](Size) { return std::string(R"({"type":"string","format":"uri"})"); });
       }},
      {"ranges of numbers",
       [](Size bytes) {
         return Numbers(bytes, [](Size i) {
           return absl::StrCat(R"({"minimum":-)", i, R"(.123456789,"maximum":)", i, ".987654321}");
         });
       }},
      {"ranges of integers",
       [](Size bytes) {
         return Numbers(bytes, [](Size i) {
           return absl::StrCat(R"({"type":"integer","minimum":)", 1234567 + i,
                               R"(,"maximum":9876543219876})");
         });
       }},
      {"bounds of many digits",
       [](Size bytes) {
         const std::string digits = Times("7", bytes / 2 - 20);
         return absl::StrCat(R"({"minimum":0.)", digits, R"(,"maximum":0.)", digits, "8}");
       }},
      {"great exponents",
       [](Size bytes) {
         return Numbers(bytes, [](Size i) {
           return absl::StrCat(R"({"minimum":1e-)", 200 + i % 100, R"(,"maximum":1e300})");
         });
       }},
      {"unknown keywords",
       [](Size bytes) { return absl::StrCat("{\"", Times("x", bytes - 8), "\":1}"); }},
      {"JSON that ends too soon",
       [](Size bytes) { return Times(R"({"properties":)", bytes / 14); }},
  };
}

}  // namespace cascade::testing
