// SPDX-License-Identifier: Apache-2.0
// What several JSON Schemas that hold at once say together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/constraints/json/number_ranges.h"
#include "model/constraints/json/ordered_json.h"

namespace cascade::model {

// A part of the schema's text, and its JSON pointer, which messages name.
struct SchemaPlace {
  const OrderedJson* value = nullptr;
  std::string pointer;
};

// The place of a member or element of what is at `place`. Pointers are cut at a readable length.
std::string PointerTo(const SchemaPlace& place, absl::string_view name);

absl::Status SchemaError(const SchemaPlace& place, absl::string_view problem);

// A schema's text, in which references find what they name; and what was done with it so far.
class SchemaDocument {
 public:
  // `root` must outlive it.
  explicit SchemaDocument(const OrderedJson& root);

  SchemaPlace root() const { return {&root_, "#"}; }
  // What a $ref names: "#" or "#/..." alone. INVALID_ARGUMENT if there is no such thing, or a $id
  // on the way to it gives such references another meaning.
  absl::StatusOr<SchemaPlace> Resolve(const SchemaPlace& reference) const;
  // Refuses a schema below the root whose $id would change what references in it mean.
  absl::Status CheckId(const SchemaPlace& schema) const;

  // A number that two values of the document have in common if they are equal as JSON Schema has
  // it.
  std::size_t ValueId(const OrderedJson& value) const;

  // What translating it may cost: some nanoseconds and bytes a unit. Counted, not timed, so that a
  // schema is accepted by every machine or by none.
  static constexpr std::size_t kMaxWork = 8'000'000;
  void Spend(std::size_t work) const { work_ += work; }
  bool exhausted() const { return work_ > kMaxWork; }
  // INVALID_ARGUMENT if it is exhausted.
  absl::Status CheckWork(const SchemaPlace& schema) const;

 private:
  const OrderedJson& root_;
  bool has_references_;
  mutable std::size_t work_ = 0;
  mutable std::unordered_map<const OrderedJson*, std::size_t> value_ids_;
  mutable std::unordered_map<std::string, std::size_t> ids_of_texts_;
};

// JSON Schema's types, as bits; numbers are integers and others.
enum TypeBit : std::uint8_t {
  kNullType = 1,
  kBooleanType = 2,
  kObjectType = 4,
  kArrayType = 8,
  kStringType = 16,
  kIntegerType = 32,
  kFractionType = 64,
  kNumberTypes = kIntegerType | kFractionType,
  kAllTypes = 127,
};
using TypeSet = std::uint8_t;

// The type of a value; 1.0 is an integer.
TypeSet TypeOf(const OrderedJson& value);

// How many there may be of something.
struct CountRange {
  std::size_t least = 0;
  std::size_t most = static_cast<std::size_t>(-1);
};

// Schemas that all hold for one value: a schema with what its allOf and $ref lead to, and the
// alternative of its anyOf that was chosen. Borrows from the document.
struct MergedSchema {
  static constexpr std::size_t kNoParent = static_cast<std::size_t>(-1);

  struct ArrayPart {  // of one schema; null: not given
    SchemaPlace prefix;
    SchemaPlace items;
  };
  struct ObjectPart {
    SchemaPlace properties;
    SchemaPlace additional;
  };
  struct Alternatives {  // of which one must hold, or exactly one
    SchemaPlace list;
    std::size_t owner = 0;  // the index in `parts` of the schema that has the list
    bool exactly_one = false;
  };
  struct Part {  // a schema that was merged
    SchemaPlace place;
    std::size_t parent = kNoParent;  // the part that led to it
    bool is_distinctive = false;     // demands something, or was chosen of alternatives
  };

  // Adds a schema: all that it demands, and what its references and allOf lead to. `parent` is the
  // part of whose alternatives it was chosen, if it was.
  // INVALID_ARGUMENT names what is not supported or not a schema.
  absl::Status Add(const SchemaPlace& schema, const SchemaDocument& document,
                   std::size_t parent = kNoParent);

  const SchemaPlace& first() const { return parts.front().place; }
  // What a copy costs, in units of SchemaDocument::Spend.
  std::size_t CostOfCopy() const;
  // The types that values are written of: where the schema names none, those that its keywords are
  // about.
  TypeSet WrittenTypes() const;
  // Whether it demands nothing but one of alternatives.
  bool only_alternatives() const { return !is_constrained && alternatives.size() == 1; }

  // What a property must satisfy, by all schemas that say something of it.
  std::vector<SchemaPlace> PropertySchemas(absl::string_view name) const;
  // Whether properties are written that no schema names.
  bool WritesOtherProperties() const;
  // What the element at an index must satisfy.
  std::vector<SchemaPlace> ElementSchemas(std::size_t index) const;

  std::vector<Part> parts;
  bool has_reference = false;             // one of them was found by reference
  bool is_constrained = false;            // a keyword demands something
  std::optional<SchemaPlace> impossible;  // a schema `false`

  TypeSet types = kAllTypes;
  TypeSet keyword_types = 0;  // those that keywords are about
  bool has_type = false;
  std::optional<std::vector<const OrderedJson*>> values;  // of enum and const

  CountRange length;  // of a string, in characters
  std::vector<SchemaPlace> patterns;
  std::vector<SchemaPlace> formats;
  NumberRange range;
  std::vector<SchemaPlace> multiples;

  std::vector<ArrayPart> arrays;
  CountRange items;
  std::optional<SchemaPlace> unique_items;

  std::vector<ObjectPart> objects;
  std::vector<std::string> required;
  CountRange properties;

  std::vector<Alternatives> alternatives;
};

// Whether `schema` is the schema `false`.
bool IsFalse(const SchemaPlace& schema);
bool AnyIsFalse(const std::vector<SchemaPlace>& schemas);

}  // namespace cascade::model
