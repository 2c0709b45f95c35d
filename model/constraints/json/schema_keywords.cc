// SPDX-License-Identifier: Apache-2.0

#include "model/constraints/json/schema_keywords.h"

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_set>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "model/json_document.h"

namespace cascade::model {
namespace {

using Kind = OrderedJson::Kind;

constexpr std::size_t kMaxCount = 1'000'000'000;  // what a count may demand

constexpr absl::string_view kSupported =
    "supported are $ref, $defs, type, enum, const, anyOf, oneOf, allOf, properties, required, "
    "additionalProperties, minProperties, maxProperties, items, prefixItems, minItems, maxItems, "
    "minLength, maxLength, pattern, format, minimum, maximum, exclusiveMinimum, "
    "exclusiveMaximum, multipleOf and annotations";

struct TypeName {
  absl::string_view name;
  TypeSet types;
};
constexpr std::array<TypeName, 7> kTypeNames = {{{"null", kNullType},
                                                 {"boolean", kBooleanType},
                                                 {"object", kObjectType},
                                                 {"array", kArrayType},
                                                 {"string", kStringType},
                                                 {"integer", kIntegerType},
                                                 {"number", kNumberTypes}}};

// What says something to people only, or is looked at elsewhere.
bool IsSilent(absl::string_view keyword) {
  constexpr std::array<absl::string_view, 18> kSilent = {
      "discriminator", "title",    "description", "default",    "examples", "$schema",
      "$comment",      "readOnly", "writeOnly",   "deprecated", "$anchor",  "$defs",
      "definitions",   "$id",      "$ref",        "allOf",      "anyOf",    "oneOf"};
  return std::find(kSilent.begin(), kSilent.end(), keyword) != kSilent.end();
}

absl::StatusOr<TypeSet> TypesNamed(const OrderedJson& name, const SchemaPlace& place) {
  for (const TypeName& type : kTypeNames) {
    if (name.is(Kind::kString) && name.text == type.name) return type.types;
  }
  return SchemaError(place, absl::StrCat("expected one of ",
                                         absl::StrJoin(kTypeNames, ", ",
                                                       [](std::string* out, const TypeName& type) {
                                                         absl::StrAppend(out, type.name);
                                                       }),
                                         ", or an array of them"));
}

absl::StatusOr<std::size_t> CountAt(const SchemaPlace& place) {
  const OrderedJson& value = *place.value;
  const Decimal number(value.is(Kind::kNumber) ? value.text : "-1");
  if (number.negative || !number.is_integer()) {
    return SchemaError(place, "expected an integer that is not negative");
  }
  std::size_t count = 0;
  if (number.integer.empty()) return count;
  if (!absl::SimpleAtoi(number.integer, &count)) return kMaxCount + 1;
  return std::min(count, kMaxCount + 1);
}

absl::Status RaiseLeast(const SchemaPlace& place, CountRange& counts) {
  const absl::StatusOr<std::size_t> count = CountAt(place);
  if (!count.ok()) return count.status();
  if (*count > kMaxCount) {
    return SchemaError(place, absl::StrCat("expected at most ", kMaxCount));
  }
  counts.least = std::max(counts.least, *count);
  return absl::OkStatus();
}

absl::Status LowerMost(const SchemaPlace& place, CountRange& counts) {
  const absl::StatusOr<std::size_t> count = CountAt(place);
  if (!count.ok()) return count.status();
  // What is greater than any count may as well be without bound.
  if (*count <= kMaxCount) counts.most = std::min(counts.most, *count);
  return absl::OkStatus();
}

absl::Status Expect(Kind kind, absl::string_view what, const SchemaPlace& place) {
  if (place.value->is(kind)) return absl::OkStatus();
  return SchemaError(place, absl::StrCat("expected ", what));
}

// Keeps of two bounds the one that leaves less.
void Tighten(std::optional<NumberBound>& bound, NumberBound other, int direction) {
  const int order = bound ? direction * Compare(other.value, bound->value) : 1;
  if (order > 0 || (order == 0 && other.exclusive)) bound = std::move(other);
}

// Adds one schema object to a merged schema, keyword by keyword.
class Merger {
 public:
  Merger(const SchemaPlace& schema, const SchemaDocument& document, MergedSchema& merged)
      : schema_(schema), document_(document), merged_(merged) {}

  absl::Status Run() {
    for (const OrderedJson::Member& member : schema_.value->members) {
      if (IsSilent(member.name)) continue;
      const SchemaPlace place = {&member.value, PointerTo(schema_, member.name)};
      if (absl::Status status = Apply(member.name, place); !status.ok()) return status;
    }
    if (array_.prefix.value != nullptr || array_.items.value != nullptr) {
      merged_.arrays.push_back(array_);
    }
    if (object_.properties.value != nullptr || object_.additional.value != nullptr) {
      merged_.objects.push_back(object_);
    }
    return absl::OkStatus();
  }

 private:
  struct Keyword {
    absl::string_view name;
    absl::Status (Merger::*apply)(const SchemaPlace& place);
    TypeSet types;  // that it is about
  };

  absl::Status Apply(absl::string_view name, const SchemaPlace& place);

  absl::Status Type(const SchemaPlace& place) {
    TypeSet types = 0;
    const bool is_list = place.value->is(Kind::kArray);
    for (const OrderedJson& name : place.value->elements) {
      const absl::StatusOr<TypeSet> named = TypesNamed(name, place);
      if (!named.ok()) return named.status();
      types = static_cast<TypeSet>(types | *named);
    }
    if (!is_list) {
      const absl::StatusOr<TypeSet> named = TypesNamed(*place.value, place);
      if (!named.ok()) return named.status();
      types = *named;
    }
    if (types == 0) return SchemaError(place, "names no type, so nothing satisfies the schema");
    merged_.has_type = true;
    merged_.types = static_cast<TypeSet>(merged_.types & types);
    return absl::OkStatus();
  }

  absl::Status KeepValues(const std::vector<const OrderedJson*>& allowed) {
    if (!merged_.values) {
      merged_.values = allowed;
      return absl::OkStatus();
    }
    document_.Spend(20 * (allowed.size() + merged_.values->size()));
    std::unordered_set<std::size_t> ids;
    for (const OrderedJson* value : allowed) ids.insert(document_.ValueId(*value));
    std::erase_if(*merged_.values, [&](const OrderedJson* value) {
      return !ids.contains(document_.ValueId(*value));
    });
    return absl::OkStatus();
  }

  absl::Status Enum(const SchemaPlace& place) {
    if (!place.value->is(Kind::kArray)) return SchemaError(place, "expected an array of values");
    std::vector<const OrderedJson*> allowed;
    for (const OrderedJson& value : place.value->elements) allowed.push_back(&value);
    return KeepValues(allowed);
  }

  absl::Status Const(const SchemaPlace& place) { return KeepValues({place.value}); }

  absl::Status MinLength(const SchemaPlace& place) { return RaiseLeast(place, merged_.length); }
  absl::Status MaxLength(const SchemaPlace& place) { return LowerMost(place, merged_.length); }

  absl::Status AddString(const SchemaPlace& place, std::vector<SchemaPlace>& strings) {
    if (absl::Status status = Expect(Kind::kString, "a string", place); !status.ok()) return status;
    if (std::none_of(strings.begin(), strings.end(), [&](const SchemaPlace& other) {
          return other.value->text == place.value->text;
        })) {
      strings.push_back(place);
    }
    return absl::OkStatus();
  }

  absl::Status Pattern(const SchemaPlace& place) { return AddString(place, merged_.patterns); }
  absl::Status Format(const SchemaPlace& place) { return AddString(place, merged_.formats); }

  absl::Status Bound(const SchemaPlace& place, bool exclusive, bool is_least) {
    if (absl::Status status = Expect(Kind::kNumber, "a number", place); !status.ok()) return status;
    NumberBound bound = {.value = Decimal(place.value->text), .exclusive = exclusive};
    if (is_least) {
      Tighten(merged_.range.least, std::move(bound), 1);
    } else {
      Tighten(merged_.range.greatest, std::move(bound), -1);
    }
    return absl::OkStatus();
  }

  absl::Status Minimum(const SchemaPlace& place) { return Bound(place, false, true); }
  absl::Status ExclusiveMinimum(const SchemaPlace& place) { return Bound(place, true, true); }
  absl::Status Maximum(const SchemaPlace& place) { return Bound(place, false, false); }
  absl::Status ExclusiveMaximum(const SchemaPlace& place) { return Bound(place, true, false); }

  absl::Status MultipleOf(const SchemaPlace& place) {
    if (absl::Status status = Expect(Kind::kNumber, "a number", place); !status.ok()) return status;
    merged_.multiples.push_back(place);
    return absl::OkStatus();
  }

  absl::Status Items(const SchemaPlace& place) {
    if (place.value->is(Kind::kArray)) {
      return SchemaError(place, "expected a schema; for a schema of each place use prefixItems");
    }
    array_.items = place;
    return absl::OkStatus();
  }

  absl::Status PrefixItems(const SchemaPlace& place) {
    array_.prefix = place;
    return Expect(Kind::kArray, "an array of schemas", place);
  }

  absl::Status MinItems(const SchemaPlace& place) { return RaiseLeast(place, merged_.items); }
  absl::Status MaxItems(const SchemaPlace& place) { return LowerMost(place, merged_.items); }

  absl::Status UniqueItems(const SchemaPlace& place) {
    if (place.value->boolean) merged_.unique_items = place;
    return Expect(Kind::kBoolean, "true or false", place);
  }

  absl::Status Properties(const SchemaPlace& place) {
    object_.properties = place;
    return Expect(Kind::kObject, "an object whose members are schemas", place);
  }

  absl::Status AdditionalProperties(const SchemaPlace& place) {
    object_.additional = place;
    return absl::OkStatus();
  }

  absl::Status Required(const SchemaPlace& place) {
    absl::Status status = Expect(Kind::kArray, "an array of names", place);
    document_.Spend(50 * place.value->elements.size());
    for (const OrderedJson& name : place.value->elements) {
      if (!name.is(Kind::kString)) status = SchemaError(place, "expected an array of names");
      merged_.required.push_back(name.text);
    }
    return status;
  }

  absl::Status MinProperties(const SchemaPlace& place) {
    return RaiseLeast(place, merged_.properties);
  }
  absl::Status MaxProperties(const SchemaPlace& place) {
    return LowerMost(place, merged_.properties);
  }

  const SchemaPlace& schema_;
  const SchemaDocument& document_;
  MergedSchema& merged_;
  MergedSchema::ArrayPart array_;
  MergedSchema::ObjectPart object_;
};

absl::Status Merger::Apply(absl::string_view name, const SchemaPlace& place) {
  static constexpr std::array<Keyword, 22> kKeywords = {{
      {"type", &Merger::Type, 0},
      {"enum", &Merger::Enum, 0},
      {"const", &Merger::Const, 0},
      {"minLength", &Merger::MinLength, kStringType},
      {"maxLength", &Merger::MaxLength, kStringType},
      {"pattern", &Merger::Pattern, kStringType},
      {"format", &Merger::Format, kStringType},
      {"minimum", &Merger::Minimum, kNumberTypes},
      {"maximum", &Merger::Maximum, kNumberTypes},
      {"exclusiveMinimum", &Merger::ExclusiveMinimum, kNumberTypes},
      {"exclusiveMaximum", &Merger::ExclusiveMaximum, kNumberTypes},
      {"multipleOf", &Merger::MultipleOf, kNumberTypes},
      {"items", &Merger::Items, kArrayType},
      {"prefixItems", &Merger::PrefixItems, kArrayType},
      {"minItems", &Merger::MinItems, kArrayType},
      {"maxItems", &Merger::MaxItems, kArrayType},
      {"uniqueItems", &Merger::UniqueItems, kArrayType},
      {"properties", &Merger::Properties, kObjectType},
      {"additionalProperties", &Merger::AdditionalProperties, kObjectType},
      {"required", &Merger::Required, kObjectType},
      {"minProperties", &Merger::MinProperties, kObjectType},
      {"maxProperties", &Merger::MaxProperties, kObjectType},
  }};
  for (const Keyword& keyword : kKeywords) {
    if (keyword.name != name) continue;
    merged_.is_constrained = true;
    merged_.keyword_types = static_cast<TypeSet>(merged_.keyword_types | keyword.types);
    return (this->*keyword.apply)(place);
  }
  return SchemaError(place,
                     absl::StrCat("the keyword ", Quoted(name), " is not supported; ", kSupported));
}

}  // namespace

absl::Status ApplyKeywords(const SchemaPlace& schema, const SchemaDocument& document,
                           MergedSchema& merged) {
  return Merger(schema, document, merged).Run();
}

}  // namespace cascade::model
