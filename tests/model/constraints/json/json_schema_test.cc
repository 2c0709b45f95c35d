// SPDX-License-Identifier: Apache-2.0

#include "model/constraints/json/json_schema.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "model/constraints/nfa.h"
#include "tests/model/constraints/grammar_matcher.h"
#include "tests/support/status_matchers.h"

namespace cascade::model {
namespace {

using testing::IsInvalid;
using testing::IsOk;
using testing::Matches;

// Of `texts`, those that the schema's grammar has.
std::vector<std::string> Written(absl::string_view schema, const std::vector<std::string>& texts) {
  const absl::StatusOr<Grammar> grammar = GrammarOfJsonSchema(schema);
  EXPECT_THAT(grammar, IsOk()) << schema;
  std::vector<std::string> written;
  if (!grammar.ok()) return written;
  for (const std::string& text : texts) {
    if (Matches(*grammar, text)) written.push_back(text);
  }
  return written;
}

void ExpectAll(absl::string_view schema, const std::vector<std::string>& texts) {
  EXPECT_EQ(Written(schema, texts), texts) << schema;
}

void ExpectNone(absl::string_view schema, const std::vector<std::string>& texts) {
  EXPECT_EQ(Written(schema, texts), std::vector<std::string>()) << schema;
}

void ExpectRefused(absl::string_view schema, std::vector<std::string> parts) {
  EXPECT_THAT(GrammarOfJsonSchema(schema), IsInvalid(std::move(parts))) << schema;
}

TEST(JsonSchemaTest, TrueAllowsEveryValueSeparatedAsPythonDoes) {
  for (const absl::string_view schema : {"true", "{}"}) {
    ExpectAll(schema, {"null", "true", "false", "0", "-1", "1.5", "1e5", "-0.25E-10", "\"\"",
                       "\"a\\n\\\"\\\\\\/\\u00e9\xC3\xA9\xF0\x9F\x98\x80\"", "[]", "[1, [2], {}]",
                       "{}", "{\"a\": 1, \"b\": [true, null]}"});
    ExpectNone(schema, {"",
                        " 1",
                        "1 ",
                        "01",
                        "1.",
                        ".5",
                        "+1",
                        "nul",
                        "[1,2]",
                        "[ ]",
                        "{ }",
                        "{\"a\":1}",
                        "{\"a\": 1,\"b\": 2}",
                        "[1, ]",
                        "\"\n\"",
                        "\"\\x\"",
                        "\"\\ud800\"",
                        "\"\\uDFFF\"",
                        "\"\xFF\"",
                        "'a'",
                        "NaN",
                        "1234567890123456",
                        "1e100"});
  }
}

TEST(JsonSchemaTest, AnyJsonObjectIsAnObject) {
  const Grammar grammar = GrammarOfAnyJsonObject();
  EXPECT_TRUE(Matches(grammar, "{}"));
  EXPECT_TRUE(Matches(grammar, "{\"a\": {\"b\": [1, 2.5, \"x\"]}}"));
  EXPECT_FALSE(Matches(grammar, "[]"));
  EXPECT_FALSE(Matches(grammar, "{\"a\": }"));
}

TEST(JsonSchemaTest, TypesAreFollowed) {
  ExpectAll(R"({"type": "integer"})", {"0", "-7", "123456789012345"});
  ExpectNone(R"({"type": "integer"})", {"1.5", "1e3", "\"1\"", "null", "01"});
  ExpectAll(R"({"type": ["string", "null"]})", {"\"a\"", "null"});
  ExpectNone(R"({"type": ["string", "null"]})", {"1", "true", "{}"});
  ExpectAll(R"({"type": "boolean"})", {"true", "false"});
}

TEST(JsonSchemaTest, PropertiesComeInOrderAndCommasWhereTheyBelong) {
  const std::string schema = R"({"type": "object", "required": ["c"], "properties":
      {"b": {"type": "integer"}, "a": {"type": "boolean"}, "c": {"type": "null"},
       "d": {"const": "x"}}})";
  ExpectAll(schema, {R"({"c": null})", R"({"b": 1, "c": null})", R"({"a": true, "c": null})",
                     R"({"b": 1, "a": true, "c": null})", R"({"c": null, "d": "x"})",
                     R"({"b": 1, "a": false, "c": null, "d": "x"})"});
  ExpectNone(schema, {"{}", R"({"b": 1})", R"({"a": true, "b": 1, "c": null})", R"({, "c": null})",
                      R"({"c": null, })", R"({"c": null, "e": 1})", R"({"b": 1.5, "c": null})"});
}

TEST(JsonSchemaTest, AllPropertiesMayBeLeftOut) {
  const std::string schema =
      R"({"properties": {"a": {"const": 1}, "b": {"const": 2}, "c": {"const": 3}}})";
  ExpectAll(schema, {"{}", R"({"a": 1})", R"({"b": 2})", R"({"c": 3})", R"({"a": 1, "b": 2})",
                     R"({"a": 1, "c": 3})", R"({"b": 2, "c": 3})", R"({"a": 1, "b": 2, "c": 3})"});
  ExpectNone(schema, {R"({"b": 2, "a": 1})", R"({"a": 1"b": 2})", R"({"a": 1, })"});
}

TEST(JsonSchemaTest, AdditionalPropertiesHaveOtherNames) {
  const std::string schema = R"({"properties": {"ab": {"const": 1}, "b": {"const": 2}},
      "additionalProperties": {"type": "string"}})";
  ExpectAll(schema, {"{}", R"({"ab": 1})", R"({"x": "y"})", R"({"ab": 1, "a": "y", "abc": "z"})",
                     R"({"": "y", "c": "z"})", R"({"é": "y"})"});
  ExpectNone(schema, {R"({"ab": "y"})", R"({"x": 1})", R"({"b": "y"})", R"({"\u0062": "y"})"});
  ExpectAll(R"({"type": "object", "additionalProperties": {"type": "integer"}})",
            {"{}", R"({"a": 1, "b": 2})"});
}

TEST(JsonSchemaTest, RequiredPropertiesNeedNotBeDeclared) {
  ExpectAll(R"({"type": "object", "required": ["a"]})", {R"({"a": 1})", R"({"a": [], "b": 2})"});
  ExpectNone(R"({"type": "object", "required": ["a"]})", {"{}", R"({"b": 2})"});
}

TEST(JsonSchemaTest, PropertiesAreCounted) {
  const std::string some = R"({"properties": {"a": {"const": 1}, "b": {"const": 2}}, )";
  ExpectNone(some + R"("minProperties": 1})", {"{}"});
  ExpectAll(some + R"("minProperties": 1})", {R"({"a": 1})", R"({"b": 2})"});
  ExpectNone(some + R"("minProperties": 2})", {R"({"a": 1})"});
  ExpectAll(some + R"("required": ["b"], "maxProperties": 1})", {R"({"b": 2})"});
  ExpectNone(some + R"("required": ["b"], "maxProperties": 1})", {R"({"a": 1, "b": 2})"});
  ExpectRefused(some + R"("maxProperties": 1})", {"at #", "maxProperties"});
  ExpectRefused(some + R"("minProperties": 3})", {"at #", "nothing satisfies"});
  ExpectAll(R"({"type": "object", "maxProperties": 2})", {"{}", R"({"a": 1, "b": 2})"});
  ExpectNone(R"({"type": "object", "maxProperties": 2})", {R"({"a": 1, "b": 2, "c": 3})"});
  ExpectNone(R"({"type": "object", "minProperties": 1})", {"{}"});
}

TEST(JsonSchemaTest, ArraysHaveTheirLengths) {
  ExpectAll(R"({"items": {"type": "integer"}})", {"[]", "[1]", "[1, 2, 3]"});
  ExpectNone(R"({"items": {"type": "integer"}})", {"[1,2]", "[\"a\"]", "[1, ]", "[, 1]"});
  const std::string two_or_three = R"({"items": {"const": 1}, "minItems": 2, "maxItems": 3})";
  ExpectAll(two_or_three, {"[1, 1]", "[1, 1, 1]"});
  ExpectNone(two_or_three, {"[]", "[1]", "[1, 1, 1, 1]"});
  ExpectAll(R"({"type": "array", "maxItems": 0})", {"[]"});
  ExpectNone(R"({"type": "array", "maxItems": 0})", {"[1]"});
  ExpectAll(R"({"type": "array", "maxItems": 100000})", {"[]", "[1]"});
  ExpectRefused(R"({"type": "array", "minItems": 3, "maxItems": 2})", {"minItems", "nothing"});
  ExpectAll(R"({"items": false})", {"[]"});
}

TEST(JsonSchemaTest, PrefixItemsComeFirst) {
  const std::string pair = R"({"prefixItems": [{"const": 1}, {"const": 2}])";
  ExpectAll(pair + "}", {"[]", "[1]", "[1, 2]"});
  ExpectNone(pair + "}", {"[2]", "[1, 2, 3]"});
  ExpectAll(pair + R"(, "items": {"const": 3}, "minItems": 1})", {"[1]", "[1, 2]", "[1, 2, 3, 3]"});
  ExpectNone(pair + R"(, "items": {"const": 3}, "minItems": 1})", {"[]", "[1, 3]", "[1, 2, 2]"});
  ExpectAll(pair + R"(, "minItems": 3})", {"[1, 2, true]"});
  ExpectNone(pair + R"(, "minItems": 3})", {"[1, 2]", "[1, 2, true, 1]"});
  ExpectNone(pair + R"(, "maxItems": 1})", {"[1, 2]"});
}

TEST(JsonSchemaTest, StringsHaveLengthsInCharacters) {
  const std::string schema = R"({"type": "string", "minLength": 2, "maxLength": 3})";
  ExpectAll(schema, {"\"ab\"", "\"abc\"", "\"éü\"", R"("\n\n\n")", R"("\u0041b")"});
  ExpectNone(schema, {"\"a\"", "\"abcd\"", "\"é\"", "\"\""});
  ExpectRefused(R"({"type": "string", "minLength": 3, "maxLength": 2})", {"minLength", "nothing"});
}

TEST(JsonSchemaTest, PatternsAreUnanchoredAndEscaped) {
  ExpectAll(R"({"pattern": "b"})", {"\"b\"", "\"abc\"", R"("\nb")"});
  ExpectNone(R"({"pattern": "b"})", {"\"ac\"", "\"\""});
  ExpectAll(R"({"pattern": "^a\"\\\\\n$"})", {R"("a\"\\\n")"});
  ExpectAll(R"({"pattern": "^a|b$"})", {"\"ax\"", "\"xb\""});
  ExpectNone(R"({"pattern": "^a|b$"})", {"\"xa\"", "\"bx\""});
  ExpectNone(R"({"pattern": "^\\D$"})", {"\"1\"", "\"\u0663\""});  // a digit to some
  ExpectRefused(R"s({"properties": {"a": {"pattern": "(?=b)"}}})s",
                {"#/properties/a/pattern", "look-around"});
}

TEST(JsonSchemaTest, LengthsClipTheRepetitionOfAPattern) {
  const std::string schema = R"({"pattern": "^[a-z][a-z0-9]*$", "minLength": 2, "maxLength": 4})";
  ExpectAll(schema, {"\"ab\"", "\"abcd\""});
  ExpectNone(schema, {"\"a\"", "\"abcde\"", "\"1b\""});
  ExpectAll(R"({"pattern": "^a{2}$", "maxLength": 2})", {"\"aa\""});
  ExpectRefused(R"({"pattern": "^(ab)*$", "maxLength": 5})", {"#/pattern", "maxLength"});
  ExpectRefused(R"({"pattern": "^a{2}$", "maxLength": 1})", {"nothing satisfies"});
}

TEST(JsonSchemaTest, FormatsAreFollowed) {
  ExpectAll(R"({"format": "date"})", {"\"2024-02-28\"", "\"1999-12-31\""});
  ExpectNone(R"({"format": "date"})", {"\"2024-02-30\"", "\"2024-13-01\"", "\"24-01-01\""});
  ExpectAll(R"({"format": "date-time"})", {"\"2024-02-28T23:59:59.5Z\""});
  ExpectNone(R"({"format": "date-time"})", {"\"2024-02-28\"", "\"2024-02-28T24:00:00Z\""});
  ExpectAll(R"({"format": "time"})", {"\"01:02:03+01:00\""});
  ExpectAll(R"({"format": "uuid"})", {"\"123e4567-e89b-12d3-a456-426614174000\""});
  ExpectAll(R"({"format": "ipv4"})", {"\"127.0.0.1\"", "\"255.255.255.255\""});
  ExpectNone(R"({"format": "ipv4"})", {"\"256.0.0.1\"", "\"01.0.0.1\"", "\"1.2.3\""});
  ExpectAll(R"({"format": "ipv6"})", {"\"2001:db8:0:0:0:0:0:1\""});
  ExpectAll(R"({"format": "email"})", {"\"ada.l@example.com\""});
  ExpectAll(R"({"format": "hostname"})", {"\"example.com\""});
  ExpectAll(R"({"format": "uri"})", {"\"https://example.com/a/b.html?q=1\"", "\"http://a.org\""});
  ExpectNone(R"({"format": "uri"})", {"\"example\"", "\"http://\""});
  ExpectAll(R"({"format": "duration"})", {"\"P3D\"", "\"PT5M\"", "\"P1DT2H\"", "\"P2W\""});
  ExpectNone(R"({"format": "duration"})", {"\"P\"", "\"PT\"", "\"PT2H3S\""});
  ExpectRefused(R"({"format": "regex"})", {"#/format", "\"regex\"", "date-time"});
}

TEST(JsonSchemaTest, IntegersAreWithinTheirBoundsExactly) {
  const std::vector<std::pair<int, int>> ranges = {{0, 0},    {0, 9},     {1, 10},   {-5, 5},
                                                   {17, 143}, {-250, -7}, {99, 101}, {-1, 0},
                                                   {5, 299},  {100, 199}, {-101, 8}};
  for (const auto& [least, greatest] : ranges) {
    const auto grammar = GrammarOfJsonSchema(absl::StrCat(
        R"({"type": "integer", "minimum": )", least, R"(, "maximum": )", greatest, "}"));
    ASSERT_THAT(grammar, IsOk());
    for (int i = -320; i <= 320; ++i) {
      EXPECT_EQ(Matches(*grammar, absl::StrCat(i)), least <= i && i <= greatest)
          << i << " in " << least << ".." << greatest;
    }
  }
}

TEST(JsonSchemaTest, IntegersReachTheEdgesOf64Bits) {
  const std::string greatest = R"({"type": "integer", "minimum": 9223372036854775806})";
  ExpectAll(greatest, {"9223372036854775806", "9223372036854775807"});
  ExpectNone(greatest, {"9223372036854775805", "9223372036854775808", "0"});
  const std::string least = R"({"type": "integer", "maximum": -9223372036854775808})";
  ExpectAll(least, {"-9223372036854775808"});
  ExpectNone(least, {"-9223372036854775807", "-9223372036854775809", "9223372036854775808"});
  ExpectRefused(R"({"type": "integer", "minimum": 9223372036854775808})", {"at #"});
  ExpectRefused(R"({"type": "integer", "maximum": -1e30})", {"at #"});
  const std::string all =
      R"({"type": "integer", "minimum": -9223372036854775807, "maximum": 1e30})";
  ExpectAll(all, {"-9223372036854775807", "9223372036854775807", "0"});
  ExpectNone(all, {"-9223372036854775808", "9223372036854775808"});
  ExpectAll(R"({"type": "integer", "minimum": 0.5, "exclusiveMaximum": 3.0})", {"1", "2"});
  ExpectNone(R"({"type": "integer", "minimum": 0.5, "exclusiveMaximum": 3.0})", {"0", "3"});
  ExpectAll(R"({"type": "integer", "exclusiveMinimum": -1.5, "maximum": -1e0})", {"-1"});
  ExpectNone(R"({"type": "integer", "exclusiveMinimum": -1.5, "maximum": -1e0})", {"-2", "0"});
  ExpectRefused(R"({"type": "integer", "minimum": 3, "maximum": 2})", {"bounds"});
  ExpectRefused(R"({"type": "integer", "exclusiveMinimum": 1, "exclusiveMaximum": 2})", {"bounds"});
}

TEST(JsonSchemaTest, NumbersAreWithinTheirBounds) {
  const std::string unit = R"({"type": "number", "minimum": 0, "maximum": 1})";
  ExpectAll(unit, {"0", "1", "0.5", "0.999", "1.0", "0.0", "1.000"});
  ExpectNone(unit, {"-0.1", "1.1", "1.001", "2", "-1", "1e0"});
  const std::string open = R"({"exclusiveMinimum": 0, "exclusiveMaximum": 1})";
  ExpectAll(open, {"0.5", "0.001"});
  ExpectNone(open, {"0", "1", "0.0", "1.0", "0.000"});
  const std::string wide = R"({"type": "number", "minimum": -12.25, "exclusiveMaximum": 100.5})";
  ExpectAll(wide, {"-12.25", "-12.2", "-12", "-1.5", "0", "99.9", "100", "100.4", "100.49"});
  ExpectNone(wide, {"-12.26", "-12.3", "-13", "100.5", "100.50", "100.6", "101"});
  const std::string narrow = R"({"minimum": 0.25, "maximum": 0.75})";
  ExpectAll(narrow, {"0.25", "0.3", "0.5", "0.7", "0.75", "0.750", "0.2500001"});
  ExpectNone(narrow, {"0.2", "0.24", "0.751", "0.8", "0", "1", "0.249999"});
  ExpectAll(R"({"exclusiveMinimum": 0})", {"0.5", "1", "123456.75"});
}

TEST(JsonSchemaTest, EnumAndConstAreWrittenAsTheyStand) {
  ExpectAll(R"({"enum": ["a", 1, 2.50, null, [1,2], {"b":1,"a":[]}]})",
            {"\"a\"", "1", "2.50", "null", "[1, 2]", R"({"b": 1, "a": []})"});
  ExpectAll(R"({"type": "string", "enum": ["a", 1]})", {"\"a\""});
  ExpectNone(R"({"type": "string", "enum": ["a", 1]})", {"1"});
  ExpectAll(R"({"const": "\u0001\n\"é"})", {R"("\u0001\n\"é")"});
  ExpectRefused(R"({"type": "string", "enum": [1]})", {"nothing satisfies"});
  ExpectRefused(R"({"enum": []})", {"nothing satisfies"});
  ExpectAll(R"({"enum": [1, 2, 3], "minimum": 2})", {"2", "3"});
  ExpectNone(R"({"enum": [1, 2, 3], "minimum": 2})", {"1"});
}

TEST(JsonSchemaTest, AlternativesHoldTogetherWithWhatIsBesideThem) {
  ExpectAll(R"({"anyOf": [{"type": "string"}, {"type": "null"}]})", {"\"a\"", "null"});
  const std::string schema =
      R"({"type": "object", "properties": {"a": {"const": 1}, "b": {"const": 2}},
      "anyOf": [{"required": ["a"]}, {"required": ["b"]}]})";
  ExpectAll(schema, {R"({"a": 1})", R"({"b": 2})", R"({"a": 1, "b": 2})"});
  ExpectNone(schema, {"{}"});
  ExpectAll(R"({"type": "integer", "anyOf": [{"minimum": 5}, {"type": "string"}]})", {"5"});
  ExpectRefused(R"({"type": "integer", "anyOf": [{"type": "string"}]})", {"#/anyOf", "nothing"});
}

TEST(JsonSchemaTest, OneOfMustBeToldApart) {
  ExpectAll(R"({"oneOf": [{"type": "string"}, {"type": "integer"}]})", {"\"a\"", "1"});
  ExpectAll(R"({"oneOf": [
      {"properties": {"k": {"const": "a"}, "x": {"const": 1}}, "required": ["k"], "type": "object"},
      {"properties": {"k": {"const": "b"}, "y": {"const": 2}}, "required": ["k"], "type": "object"}]})",
            {R"({"k": "a", "x": 1})", R"({"k": "b", "y": 2})"});
  ExpectAll(R"({"oneOf": [{"type": "object", "properties": {"a": {}}, "required": ["a"]},
                          {"type": "object", "properties": {"b": {}}, "required": ["b"]}]})",
            {R"({"a": 1})", R"({"b": 1})"});
  ExpectAll(R"({"oneOf": [{"type": "integer", "maximum": 3}, {"type": "integer", "minimum": 4}]})",
            {"3", "4"});
  ExpectRefused(R"({"oneOf": [{"type": "integer"}, {"type": "number"}]})", {"#/oneOf", "anyOf"});
  ExpectRefused(R"({"oneOf": [{"type": "object"}, {"type": "object", "required": ["a"]}]})",
                {"#/oneOf", "anyOf"});
}

TEST(JsonSchemaTest, ManyAlternativesCanBeToldApart) {
  std::string schema = R"({"oneOf": [)";
  for (int i = 0; i < 100; ++i) {
    absl::StrAppend(&schema, i == 0 ? "" : ", ",
                    R"({"type": "object", "properties": {"k": {"const": )", i,
                    R"(}}, "required": ["k"]})");
  }
  ExpectAll(schema + "]}", {R"({"k": 0})", R"({"k": 99})"});
}

TEST(JsonSchemaTest, ManyPropertiesMayBeLeftOut) {
  std::string schema = R"({"properties": {)";
  for (int i = 0; i < 400; ++i) {
    absl::StrAppend(&schema, i == 0 ? "" : ", ", "\"p", i, R"(": {"type": "null"})");
  }
  absl::StrAppend(&schema, "}}");
  ExpectAll(schema, {"{}", R"({"p7": null, "p399": null})"});
  ExpectNone(schema, {R"({"p399": null, "p7": null})"});
  EXPECT_THAT(Nfa::Make(*GrammarOfJsonSchema(schema)), IsOk());
}

TEST(JsonSchemaTest, AllOfMerges) {
  const std::string schema = R"({"allOf": [
      {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
      {"properties": {"b": {"type": "null"}, "a": {"minimum": 3, "maximum": 4}}}]})";
  ExpectAll(schema, {R"({"a": 3})", R"({"a": 4, "b": null})"});
  ExpectNone(schema, {R"({"a": 5})", R"({"b": null})"});
  ExpectNone(R"({"allOf": [{"properties": {"a": {}}, "additionalProperties": false},
                          {"properties": {"b": {}}}]})",
             {R"({"b": 1})", R"({"a": 1, "b": 1})"});
  ExpectRefused(R"({"allOf": [{"type": "string"}, {"type": "integer"}]})", {"nothing satisfies"});
}

TEST(JsonSchemaTest, ReferencesAreFollowedAndMayRecur) {
  const std::string tree = R"({"$ref": "#/$defs/tree", "$defs": {"tree": {"type": "object",
      "properties": {"v": {"type": "integer"}, "c": {"type": "array", "items": {"$ref": "#/$defs/tree"}}},
      "required": ["v"]}}})";
  ExpectAll(tree, {R"({"v": 1})", R"({"v": 1, "c": [{"v": 2}, {"v": 3, "c": []}]})"});
  ExpectNone(tree, {R"({"c": []})", R"({"v": 1, "c": [{}]})"});
  ExpectAll(R"({"properties": {"a": {"$ref": "#"}}})", {"{}", R"({"a": {"a": {}}})"});
  ExpectAll(R"({"$ref": "#/$defs/a~1b%25", "$defs": {"a/b%": {"const": 1}}})", {"1"});
  ExpectAll(
      R"({"$ref": "#/definitions/s", "maxLength": 2, "definitions": {"s": {"type": "string"}}})",
      {"\"ab\""});
  ExpectNone(
      R"({"$ref": "#/definitions/s", "maxLength": 2, "definitions": {"s": {"type": "string"}}})",
      {"\"abc\""});
}

TEST(JsonSchemaTest, ReferencesThatLeadNowhereAreRefused) {
  ExpectRefused(R"({"$ref": "#/$defs/a"})", {"#/$ref", "names nothing"});
  ExpectRefused(R"({"$ref": "other.json"})", {"#/$ref", "JSON pointer"});
  ExpectRefused(R"({"$ref": "#"})", {"refers to itself"});
  ExpectRefused(R"({"type": "object", "anyOf": [{"$ref": "#"}, {"type": "null"}]})",
                {"refers to itself"});
}

TEST(JsonSchemaTest, WhatIsNotSupportedIsNamedWithItsPlace) {
  ExpectRefused(R"({"properties": {"a/b": {"not": {}}}})",
                {"#/properties/a~1b/not", "\"not\"", "anyOf"});
  for (const std::string keyword : {"patternProperties", "propertyNames", "if", "contains",
                                    "dependentRequired", "unevaluatedProperties", "nullable"}) {
    ExpectRefused(absl::StrCat("{\"", keyword, "\": {}}"), {"#/" + keyword, "not supported"});
  }
  ExpectRefused(R"({"uniqueItems": true})", {"#/uniqueItems"});
  ExpectRefused(R"({"multipleOf": 3})", {"#/multipleOf"});
  ExpectRefused(R"({"items": [{}]})", {"#/items", "prefixItems"});
}

TEST(JsonSchemaTest, WhatIsNoSchemaIsRefused) {
  ExpectRefused("", {"not valid JSON"});
  ExpectRefused("[]", {"expected a schema"});
  ExpectRefused("{\"type\": \"string\", \"type\": \"string\"}", {"stands twice"});
  ExpectRefused(std::string(100, '['), {"nested deeper than 64"});
  ExpectRefused(R"({"type": "text"})", {"#/type", "expected one of null, boolean"});
  ExpectRefused(R"({"minLength": -1})", {"#/minLength", "not negative"});
  ExpectRefused(R"({"exclusiveMinimum": true})", {"#/exclusiveMinimum", "expected a number"});
  ExpectRefused("false", {"at #", "nothing satisfies"});
  ExpectRefused(R"({"properties": {"a": false}, "required": ["a"]})", {"\"a\"", "nothing"});
  ExpectRefused(R"({"properties": {}, "required": ["a"], "additionalProperties": false})",
                {"\"a\"", "nothing satisfies"});
}

TEST(JsonSchemaTest, AnnotationsAreIgnored) {
  ExpectAll(R"({"$schema": "x", "$id": "y", "title": "t", "description": "d", "default": 1,
                "examples": [], "$comment": "c", "deprecated": true, "readOnly": true,
                "writeOnly": false, "const": 1})",
            {"1"});
}

}  // namespace
}  // namespace cascade::model
