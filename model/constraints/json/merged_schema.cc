// SPDX-License-Identifier: Apache-2.0

#include "model/constraints/json/merged_schema.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "model/constraints/json/schema_keywords.h"
#include "model/json_document.h"

namespace cascade::model {
namespace {

using Kind = OrderedJson::Kind;

constexpr std::size_t kMaxParts = 1000;      // schemas that hold at once
constexpr std::size_t kMaxAlternatives = 8;  // lists of alternatives that hold at once
constexpr std::size_t kLongestPointer = 300;

// The text with each %HH as the byte that it stands for.
std::string PercentDecoded(absl::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    int byte = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        absl::SimpleHexAtoi(text.substr(i + 1, 2), &byte)) {
      decoded += static_cast<char>(byte);
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  return decoded;
}

// The member or element of `value` that a pointer's part names; null if there is none.
const OrderedJson* Child(const OrderedJson& value, const std::string& name) {
  if (!value.is(Kind::kArray)) return value.Find(name);
  std::size_t index = 0;
  if (!absl::SimpleAtoi(name, &index) || index >= value.elements.size()) return nullptr;
  return &value.elements[index];
}

bool HasOwnId(const OrderedJson& schema) {
  const OrderedJson* id = schema.Find("$id");
  return id != nullptr && id->is(Kind::kString) && !absl::StartsWith(id->text, "#");
}

bool HasReferences(const OrderedJson& value) {
  return value.Find("$ref") != nullptr ||
         std::any_of(value.elements.begin(), value.elements.end(), HasReferences) ||
         std::any_of(value.members.begin(), value.members.end(),
                     [](const OrderedJson::Member& member) { return HasReferences(member.value); });
}

}  // namespace

std::string PointerTo(const SchemaPlace& place, absl::string_view name) {
  if (place.pointer.size() > kLongestPointer) return place.pointer;
  std::string pointer = absl::StrCat(
      place.pointer, "/",
      absl::StrReplaceAll(name.substr(0, kLongestPointer), {{"~", "~0"}, {"/", "~1"}}));
  if (pointer.size() > kLongestPointer) pointer += "...";
  return pointer;
}

absl::Status SchemaError(const SchemaPlace& place, absl::string_view problem) {
  return absl::InvalidArgumentError(absl::StrCat("at ", place.pointer, ": ", problem));
}

SchemaDocument::SchemaDocument(const OrderedJson& root)
    : root_(root), has_references_(HasReferences(root)) {}

absl::Status SchemaDocument::CheckId(const SchemaPlace& schema) const {
  if (schema.value == &root_ || !has_references_ || !HasOwnId(*schema.value)) {
    return absl::OkStatus();
  }
  return SchemaError(schema, "$id below the root is not supported in a schema with $ref");
}

absl::StatusOr<SchemaPlace> SchemaDocument::Resolve(const SchemaPlace& reference) const {
  const std::string& text = reference.value->text;
  if (!reference.value->is(Kind::kString) || (text != "#" && !absl::StartsWith(text, "#/"))) {
    return SchemaError(reference,
                       "expected # or a JSON pointer into this schema, such as #/$defs/name");
  }
  SchemaPlace place = root();
  if (text == "#") return place;
  for (const absl::string_view part : absl::StrSplit(absl::string_view(text).substr(2), '/')) {
    const std::string name = absl::StrReplaceAll(PercentDecoded(part), {{"~1", "/"}, {"~0", "~"}});
    const OrderedJson* child = Child(*place.value, name);
    if (child == nullptr) {
      return SchemaError(reference, absl::StrCat(Quoted(text), " names nothing in this schema"));
    }
    place = {child, PointerTo(place, name)};
    if (absl::Status status = CheckId(place); !status.ok()) return status;
  }
  return place;
}

std::size_t SchemaDocument::ValueId(const OrderedJson& value) const {
  const auto [known, is_new] = value_ids_.try_emplace(&value);
  if (is_new) {
    std::string text = EqualityText(value);
    constexpr std::size_t kCostOfByte = 20;
    Spend(100 + kCostOfByte * text.size());
    known->second = ids_of_texts_.try_emplace(std::move(text), ids_of_texts_.size()).first->second;
  }
  return known->second;
}

absl::Status SchemaDocument::CheckWork(const SchemaPlace& schema) const {
  if (!exhausted()) return absl::OkStatus();
  return SchemaError(schema,
                     "the schema combines too much: up to here too many alternatives, properties "
                     "and values hold beside each other; fewer of anyOf, oneOf and allOf, and "
                     "shorter lists, make it less");
}

TypeSet TypeOf(const OrderedJson& value) {
  switch (value.kind) {
    case Kind::kNull:
      return kNullType;
    case Kind::kBoolean:
      return kBooleanType;
    case Kind::kNumber:
      return Decimal(value.text).is_integer() ? kIntegerType : kFractionType;
    case Kind::kString:
      return kStringType;
    case Kind::kArray:
      return kArrayType;
    case Kind::kObject:
      return kObjectType;
  }
  return 0;
}

bool IsFalse(const SchemaPlace& schema) {
  return schema.value != nullptr && schema.value->is(Kind::kBoolean) && !schema.value->boolean;
}

bool AnyIsFalse(const std::vector<SchemaPlace>& schemas) {
  return std::any_of(schemas.begin(), schemas.end(), IsFalse);
}

namespace {

// Adds a schema, and what it leads to, to what is merged already.
class Adder {
 public:
  Adder(const SchemaDocument& document, MergedSchema& merged)
      : document_(document), merged_(merged) {}

  absl::Status Add(const SchemaPlace& schema, std::size_t parent) {
    pending_.push_back({schema, parent, parent != MergedSchema::kNoParent});
    for (std::size_t next = 0; next < pending_.size(); ++next) {
      const MergedSchema::Part part = pending_[next];  // a copy: pending_ grows
      if (absl::Status status = AddPart(part); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

 private:
  // A part that is there already says nothing new; but if it led to itself, its meaning would
  // depend on itself.
  absl::StatusOr<bool> IsNew(const MergedSchema::Part& part) const {
    for (std::size_t index = part.parent; index != MergedSchema::kNoParent;
         index = merged_.parts[index].parent) {
      if (merged_.parts[index].place.value == part.place.value) {
        return SchemaError(part.place,
                           "this schema refers to itself with no array or object between");
      }
    }
    return std::none_of(
        merged_.parts.begin(), merged_.parts.end(),
        [&](const MergedSchema::Part& other) { return other.place.value == part.place.value; });
  }

  absl::Status AddPart(const MergedSchema::Part& part) {
    const OrderedJson& schema = *part.place.value;
    if (!schema.is(Kind::kObject) && !schema.is(Kind::kBoolean)) {
      return SchemaError(part.place, "expected a schema: an object, true or false");
    }
    if (absl::Status status = document_.CheckId(part.place); !status.ok()) return status;
    const absl::StatusOr<bool> is_new = IsNew(part);
    if (!is_new.ok()) return is_new.status();
    if (!*is_new && !part.is_distinctive) return absl::OkStatus();
    if (merged_.parts.size() == kMaxParts) {
      return SchemaError(part.place,
                         absl::StrCat("more than ", kMaxParts, " schemas hold at once here"));
    }
    document_.Spend(100 + merged_.parts.size() + 100 * schema.members.size());
    if (absl::Status status = document_.CheckWork(part.place); !status.ok()) return status;
    if (IsFalse(part.place)) merged_.impossible = part.place;
    const bool was_constrained = std::exchange(merged_.is_constrained, false);
    merged_.parts.push_back(part);
    if (absl::Status status = ApplyKeywords(part.place, document_, merged_); !status.ok())
      return status;
    const std::size_t alternatives = merged_.alternatives.size();
    if (absl::Status status = Follow(part.place); !status.ok()) return status;
    if (merged_.is_constrained || merged_.alternatives.size() > alternatives) {
      merged_.parts[own_].is_distinctive = true;
    }
    merged_.is_constrained = merged_.is_constrained || was_constrained;
    return absl::OkStatus();
  }

  // What a schema leads to.
  absl::Status Follow(const SchemaPlace& schema) {
    own_ = merged_.parts.size() - 1;
    for (const OrderedJson::Member& member : schema.value->members) {
      const SchemaPlace place = {&member.value, PointerTo(schema, member.name)};
      absl::Status status;
      if (member.name == "$ref") status = FollowReference(place);
      if (member.name == "allOf") status = FollowAll(place);
      if (member.name == "anyOf" || member.name == "oneOf") {
        status = NoteAlternatives(place, member.name == "oneOf");
      }
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status FollowReference(const SchemaPlace& place) {
    absl::StatusOr<SchemaPlace> target = document_.Resolve(place);
    if (!target.ok()) return target.status();
    merged_.has_reference = true;
    pending_.push_back({*std::move(target), own_, false});
    return absl::OkStatus();
  }

  static absl::Status ExpectSchemas(const SchemaPlace& place) {
    if (place.value->is(Kind::kArray) && !place.value->elements.empty()) return absl::OkStatus();
    return SchemaError(place, "expected an array of schemas that is not empty");
  }

  absl::Status FollowAll(const SchemaPlace& place) {
    document_.Spend(100 * place.value->elements.size());
    for (std::size_t i = 0; i < place.value->elements.size(); ++i) {
      pending_.push_back(
          {{&place.value->elements[i], PointerTo(place, absl::StrCat(i))}, own_, false});
    }
    return ExpectSchemas(place);
  }

  absl::Status NoteAlternatives(const SchemaPlace& place, bool exactly_one) {
    if (merged_.alternatives.size() == kMaxAlternatives) {
      return SchemaError(place, absl::StrCat("more than ", kMaxAlternatives,
                                             " of anyOf and oneOf hold at once here"));
    }
    merged_.alternatives.push_back({place, own_, exactly_one});
    return ExpectSchemas(place);
  }

  const SchemaDocument& document_;
  MergedSchema& merged_;
  std::vector<MergedSchema::Part> pending_;
  std::size_t own_ = 0;  // the part that is being added
};

}  // namespace

absl::Status MergedSchema::Add(const SchemaPlace& schema, const SchemaDocument& document,
                               std::size_t parent) {
  return Adder(document, *this).Add(schema, parent);
}

std::size_t MergedSchema::CostOfCopy() const {
  constexpr std::size_t kCostOfPlace = 60;
  const std::size_t places = parts.size() + patterns.size() + formats.size() + multiples.size() +
                             2 * arrays.size() + 2 * objects.size() + alternatives.size() +
                             required.size();
  return 500 + kCostOfPlace * places + (values ? 4 * values->size() : 0);
}

TypeSet MergedSchema::WrittenTypes() const {
  if (has_type || keyword_types == 0) return types;
  return static_cast<TypeSet>(types & keyword_types);
}

std::vector<SchemaPlace> MergedSchema::PropertySchemas(absl::string_view name) const {
  std::vector<SchemaPlace> schemas;
  for (const ObjectPart& object : objects) {
    const OrderedJson* declared =
        object.properties.value == nullptr ? nullptr : object.properties.value->Find(name);
    if (declared != nullptr) {
      schemas.push_back({declared, PointerTo(object.properties, name)});
    } else if (object.additional.value != nullptr) {
      schemas.push_back(object.additional);
    }
  }
  return schemas;
}

bool MergedSchema::WritesOtherProperties() const {
  bool allows = true;
  bool names_some = false;
  bool asks_for_others = false;
  for (const ObjectPart& object : objects) {
    allows = allows && !IsFalse(object.additional);
    asks_for_others = asks_for_others || object.additional.value != nullptr;
    names_some = names_some || object.properties.value != nullptr;
  }
  return allows && (asks_for_others || !names_some);
}

std::vector<SchemaPlace> MergedSchema::ElementSchemas(std::size_t index) const {
  std::vector<SchemaPlace> schemas;
  for (const ArrayPart& array : arrays) {
    const std::size_t prefix =
        array.prefix.value == nullptr ? 0 : array.prefix.value->elements.size();
    if (index < prefix) {
      schemas.push_back(
          {&array.prefix.value->elements[index], PointerTo(array.prefix, absl::StrCat(index))});
    } else if (array.items.value != nullptr) {
      schemas.push_back(array.items);
    }
  }
  return schemas;
}

}  // namespace cascade::model
