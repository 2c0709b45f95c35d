// SPDX-License-Identifier: Apache-2.0

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/model/constraints/hostile/hostile_inputs.h"

namespace cascade::testing {
namespace {

using Size = std::size_t;

// A list of schemas under a keyword, beside what `others` says.
std::string Of(absl::string_view keyword, Size bytes, absl::string_view others,
               absl::FunctionRef<std::string(Size)> schema) {
  return List(bytes, absl::StrCat("{", others, "\"", keyword, "\":["), schema, "]}");
}

std::string Enum(Size first, Size last) {
  std::string text = "\"enum\":[";
  for (Size i = first; i < last; ++i) absl::StrAppend(&text, i == first ? "" : ",", i);
  return text + "]";
}

// `lists` of alternatives that all hold at once: as many combinations as their product.
std::string Product(Size bytes, absl::string_view keyword, Size lists,
                    absl::FunctionRef<std::string(Size, Size)> schema) {
  std::string text = R"({"allOf":[)";
  for (Size list = 0; list < lists; ++list) {
    absl::StrAppend(&text, list == 0 ? "" : ",",
                    Of(keyword, bytes / lists - 4, "", [&](Size i) { return schema(list, i); }));
  }
  return text + "]}";
}

std::string Typed(Size list, Size i) {
  return absl::StrCat(R"({"type":"object","properties":{"a)", list, "_", i, R"(":{}}})");
}

std::string Empty(Size /*list*/, Size /*i*/) { return "{}"; }

std::string Constant(Size i) { return absl::StrCat("{\"const\":", i, "}"); }

}  // namespace

std::vector<HostileFamily> HostileUnionSchemas() {
  return {
      {"allOf of nothing",
       [](Size bytes) { return Of("allOf", bytes, "", [](Size) { return std::string("{}"); }); }},
      {"allOf of properties",
       [](Size bytes) {
         return Of("allOf", bytes, "",
                   [](Size i) { return absl::StrCat(R"({"properties":{"a)", i, R"(":{}}})"); });
       }},
      {"allOf of allOf",
       [](Size bytes) {
         return Times(R"({"allOf":[{},)", bytes / 1200) + "{}" + Times("]}", bytes / 1200);
       }},
      {"allOf of one reference",
       [](Size bytes) {
         return Of("allOf", bytes, R"("$defs":{"a":{"anyOf":[{},{}]}},)",
                   [](Size) { return std::string(R"({"$ref":"#/$defs/a"})"); });
       }},
      {"anyOf of anything",
       [](Size bytes) { return Of("anyOf", bytes, "", [](Size) { return std::string("{}"); }); }},
      {"anyOf of strings",
       [](Size bytes) {
         return Of("anyOf", bytes, "",
                   [](Size i) { return absl::StrCat(R"({"type":"string","maxLength":)", i, "}"); });
       }},
      {"anyOf beside allOf",
       [](Size bytes) {
         const std::string all = Of("x", bytes / 20, "", [](Size) { return std::string("{}"); });
         const std::string parts = all.substr(5, all.size() - 6);
         return Of("anyOf", bytes, absl::StrCat("\"allOf\":", parts, ","),
                   [](Size) { return std::string("{}"); });
       }},
      {"anyOf beside enum",
       [](Size bytes) {
         return Of("anyOf", bytes, Enum(1, bytes / 15 + 2) + ",",
                   [](Size i) { return absl::StrCat("{\"enum\":[", i, "]}"); });
       }},
      {"anyOf beside much that is required",
       [](Size bytes) {
         const std::string required = List(
             bytes / 2, "\"required\":[", [](Size i) { return absl::StrCat("\"a", i, "\""); },
             "],");
         return Of("anyOf", bytes, required,
                   [](Size) { return std::string(R"({"type":"object"})"); });
       }},
      {"anyOf that is impossible",
       [](Size bytes) {
         return Of("anyOf", bytes, R"("type":"null",)",
                   [](Size) { return std::string(R"({"type":"string"})"); });
       }},
      {"anyOf in anyOf",
       [](Size bytes) {
         return Times(R"({"anyOf":[{"type":"null"},)", bytes / 1200) + "{}" +
                Times("]}", bytes / 1200);
       }},
      {"anyOf of references",
       [](Size bytes) {
         return Of("anyOf", bytes, R"("$defs":{"a":{"items":{"$ref":"#"}}},)",
                   [](Size) { return std::string(R"({"$ref":"#/$defs/a"})"); });
       }},
      {"two lists of anyOf", [](Size bytes) { return Product(bytes, "anyOf", 2, Typed); }},
      {"three lists of anyOf", [](Size bytes) { return Product(bytes, "anyOf", 3, Empty); }},
      {"eight lists of anyOf", [](Size bytes) { return Product(bytes, "anyOf", 8, Typed); }},
      {"eight lists of anything", [](Size bytes) { return Product(bytes, "anyOf", 8, Empty); }},
      {"nine lists of anyOf", [](Size bytes) { return Product(bytes, "anyOf", 9, Empty); }},
      {"eight lists of constants",
       [](Size bytes) {
         return Product(bytes, "anyOf", 8, [](Size, Size i) { return Constant(i); });
       }},
      {"three lists of oneOf",
       [](Size bytes) {
         return Product(bytes, "oneOf", 3, [](Size, Size i) { return Constant(i); });
       }},
      {"oneOf of constants", [](Size bytes) { return Of("oneOf", bytes, "", Constant); }},
      {"oneOf of objects told apart",
       [](Size bytes) {
         return Of("oneOf", bytes, "", [](Size i) {
           return absl::StrCat(R"({"properties":{"k":{"const":)", i, R"(}},"required":["k"]})");
         });
       }},
      {"oneOf of one type",
       [](Size bytes) {
         return Of("oneOf", bytes, "", [](Size) { return std::string(R"({"type":"string"})"); });
       }},
      {"oneOf of ranges",
       [](Size bytes) {
         return Of("oneOf", bytes, "", [](Size i) {
           return absl::StrCat(R"({"type":"integer","minimum":)", 10 * i, R"(,"maximum":)",
                               10 * i + 9, "}");
         });
       }},
      {"oneOf with a large constant",
       [](Size bytes) {
         const std::string large = List(
             bytes / 2, "{\"const\":[", [](Size i) { return absl::StrCat("{\"a\":", i, "}"); },
             "]}");
         return Of("oneOf", bytes, "", [&](Size i) { return i == 0 ? large : Constant(i); });
       }},
      {"oneOf of enums",
       [](Size bytes) {
         return Of("oneOf", bytes, "",
                   [](Size i) { return absl::StrCat("{", Enum(100 * i, 100 * i + 100), "}"); });
       }},
      {"oneOf of oneOf",
       [](Size bytes) {
         return Of("oneOf", bytes, "", [](Size i) {
           return Of("oneOf", 200, "", [i](Size k) { return Constant(1000 * i + k); });
         });
       }},
      {"oneOf in properties",
       [](Size bytes) {
         return Of("oneOf", bytes, "", [](Size i) {
           return absl::StrCat(R"({"required":["a"],"properties":{"a":{"required":["b"],)",
                               R"("properties":{"b":{"const":)", i, "}}}}}");
         });
       }},
      {"allOf of enums",
       [](Size bytes) {
         return Of("allOf", bytes, "",
                   [](Size i) { return absl::StrCat("{", Enum(i, i + 500), "}"); });
       }},
      {"allOf of patterns",
       [](Size bytes) {
         return Of("allOf", bytes, "",
                   [](Size i) { return absl::StrCat(R"({"pattern":")", i, R"("})"); });
       }},
      {"references that hold at once",
       [](Size bytes) {
         return List(
             bytes, R"({"$ref":"#/$defs/d0","$defs":{)",
             [](Size i) {
               return absl::StrCat("\"d", i, R"(":{"allOf":[{"$ref":"#/$defs/d)", i + 1,
                                   R"("},{"$ref":"#/$defs/d)", i + 2, "\"}]}");
             },
             "}}");
       }},
  };
}

}  // namespace cascade::testing
