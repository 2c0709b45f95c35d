// SPDX-License-Identifier: Apache-2.0

#include "model/constraints/json/schema_translator.h"

#include <algorithm>
#include <optional>
#include <string>
#include <unordered_set>

#include "absl/strings/str_cat.h"
#include "model/constraints/json/json_object.h"
#include "model/constraints/json/number_ranges.h"
#include "model/constraints/json/schema_strings.h"
#include "model/constraints/json/schema_values.h"

namespace cascade::model {
namespace {

using Expression = Grammar::Expression;

// How deep lists nest where each element may be the last, before a rule begins anew.
constexpr std::size_t kDeepestList = 100;

absl::Status Unsatisfiable(const SchemaPlace& place, absl::string_view why) {
  return SchemaError(place, absl::StrCat(why, ", so nothing satisfies the schema"));
}

// Whether it is more than a combination of types that have nothing in common.
bool IsPossible(const MergedSchema& schema) {
  if (schema.impossible || schema.types == 0) return false;
  return !schema.values || std::any_of(schema.values->begin(), schema.values->end(),
                                       [&schema](const OrderedJson* value) {
                                         return (TypeOf(*value) & schema.types) != 0;
                                       });
}

// What tells a merged schema from others: the schemas that demand something.
std::vector<const OrderedJson*> KeyOf(const MergedSchema& schema) {
  std::vector<const OrderedJson*> key;
  for (const MergedSchema::Part& part : schema.parts) {
    if (part.is_distinctive) key.push_back(part.place.value);
  }
  return key;
}

// The names of the properties that are declared, then of those that are only required; each once.
std::vector<std::string> PropertyNames(const MergedSchema& schema) {
  std::vector<std::string> names;
  std::unordered_set<std::string> known;
  const auto add = [&](const std::string& name) {
    if (known.insert(name).second) names.push_back(name);
  };
  for (const MergedSchema::ObjectPart& object : schema.objects) {
    if (object.properties.value == nullptr) continue;
    for (const OrderedJson::Member& member : object.properties.value->members) add(member.name);
  }
  for (const std::string& name : schema.required) add(name);
  return names;
}

}  // namespace

absl::Status SchemaTranslator::Run() {
  const SchemaPlace root = document_.root();
  const absl::StatusOr<Expression> start = Translate({&root, 1});
  if (!start.ok()) return start.status();
  grammar_.SetStart(*start);
  // A schema that is referred to gets its rule here, not where it is found, so that a long chain of
  // references takes no deep stack.
  while (!pending_.empty()) {
    const auto [rule, schema] = std::move(pending_.back());
    pending_.pop_back();
    const absl::StatusOr<Expression> body = Body(schema);
    if (!body.ok()) return body.status();
    grammar_.Define(rule, *body);
  }
  return absl::OkStatus();
}

absl::Status SchemaTranslator::Spend(std::size_t work, const SchemaPlace& place) {
  document_.Spend(work);
  if (grammar_.TooLarge()) {
    return SchemaError(
        place,
        absl::StrCat("the schema is too large: up to here it takes more than ", Grammar::kMaxSize,
                     " expressions; fewer properties and shorter lists make "
                     "it smaller"));
  }
  return document_.CheckWork(place);
}

absl::StatusOr<Expression> SchemaTranslator::Translate(std::span<const SchemaPlace> schemas) {
  if (schemas.empty()) return json_.Value();
  MergedSchema merged;
  for (const SchemaPlace& schema : schemas) {
    if (absl::Status status = merged.Add(schema, document_); !status.ok()) return status;
  }
  return TranslateMerged(std::move(merged));
}

absl::StatusOr<Expression> SchemaTranslator::TranslateMerged(MergedSchema schema) {
  if (schema.impossible) return Unsatisfiable(*schema.impossible, "the schema is false");
  return schema.has_reference ? RuleOf(std::move(schema)) : Body(schema);
}

absl::StatusOr<Expression> SchemaTranslator::RuleOf(MergedSchema schema) {
  schema.has_reference = false;
  std::vector<const OrderedJson*> key = KeyOf(schema);
  const auto known = rules_.find(key);
  if (known != rules_.end()) return grammar_.Call(known->second);
  const Grammar::Rule rule = grammar_.AddRule(schema.parts.back().place.pointer);
  rules_.emplace(std::move(key), rule);
  pending_.emplace_back(rule, std::move(schema));
  return grammar_.Call(rule);
}

absl::StatusOr<Expression> SchemaTranslator::Body(const MergedSchema& schema) {
  if (absl::Status status = Spend(500, schema.first()); !status.ok()) return status;
  if (!schema.alternatives.empty()) return Alternatives(schema);
  if (schema.values) return Values(schema);
  if (!schema.is_constrained) return json_.Value();
  const TypeSet types = schema.WrittenTypes();
  if (types == 0) return Unsatisfiable(schema.first(), "no type is allowed by all that holds here");
  std::vector<Expression> ways;
  const auto add = [&](TypeSet type, auto&& make) -> absl::Status {
    if ((types & type) == 0) return absl::OkStatus();
    const absl::StatusOr<Expression> way = make();
    if (way.ok()) ways.push_back(*way);
    return way.status();
  };
  absl::Status status = add(kObjectType, [&] { return Objects(schema); });
  status.Update(add(kArrayType, [&] { return Arrays(schema); }));
  status.Update(add(kStringType, [&] { return Strings(schema); }));
  status.Update(add(kNumberTypes, [&] { return Numbers(schema); }));
  status.Update(add(kBooleanType, [&] { return absl::StatusOr<Expression>(json_.Boolean()); }));
  status.Update(add(kNullType, [&] { return absl::StatusOr<Expression>(json_.Null()); }));
  if (!status.ok()) return status;
  return ways.size() == 1 ? ways.front() : grammar_.Choice(ways);
}

// What holds beside the alternatives holds with each of them.
absl::StatusOr<Expression> SchemaTranslator::Alternatives(const MergedSchema& schema) {
  const MergedSchema::Alternatives& list = schema.alternatives.back();
  MergedSchema rest;
  std::size_t owner = MergedSchema::kNoParent;
  if (!schema.only_alternatives()) {
    rest = schema;
    rest.alternatives.pop_back();
    owner = list.owner;
  }
  std::vector<MergedSchema> chosen;
  for (std::size_t i = 0; i < list.list.value->elements.size(); ++i) {
    if (absl::Status status = Spend(rest.CostOfCopy(), list.list); !status.ok()) return status;
    MergedSchema one = rest;
    const SchemaPlace place = {&list.list.value->elements[i],
                               PointerTo(list.list, absl::StrCat(i))};
    if (absl::Status status = one.Add(place, document_, owner); !status.ok()) return status;
    if (IsPossible(one)) chosen.push_back(std::move(one));
  }
  if (chosen.empty()) return Unsatisfiable(list.list, "none of the alternatives is possible");
  if (list.exactly_one) {
    if (absl::Status status = CheckExclusive(chosen, list.list); !status.ok()) return status;
  }
  std::vector<Expression> ways;
  for (MergedSchema& one : chosen) {
    const absl::StatusOr<Expression> way = TranslateMerged(std::move(one));
    if (!way.ok()) return way.status();
    ways.push_back(*way);
  }
  return ways.size() == 1 ? ways.front() : grammar_.Choice(ways);
}

absl::Status SchemaTranslator::CheckExclusive(const std::vector<MergedSchema>& chosen,
                                              const SchemaPlace& list) {
  for (const MergedSchema& written : chosen) {
    for (const MergedSchema& valid : chosen) {
      if (&written == &valid || exclusion_.Excludes(written, valid)) continue;
      if (absl::Status status = document_.CheckWork(list); !status.ok()) return status;
      return SchemaError(
          list,
          "two alternatives of oneOf may hold at once, as far as can be seen; use anyOf, or "
          "tell them apart by type or by a required property with a const of its own");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Expression> SchemaTranslator::Values(const MergedSchema& schema) {
  const absl::StatusOr<std::vector<const OrderedJson*>> values = FittingValues(schema);
  if (!values.ok()) return values.status();
  if (values->empty()) return Unsatisfiable(schema.first(), "no value of enum or const is allowed");
  std::vector<Expression> texts;
  for (const OrderedJson* value : *values) {
    texts.push_back(grammar_.Literal(JsonText(*value)));
    if (absl::Status status = Spend(200, schema.first()); !status.ok()) return status;
  }
  return texts.size() == 1 ? texts.front() : grammar_.Choice(texts);
}

absl::StatusOr<Expression> SchemaTranslator::Strings(const MergedSchema& schema) {
  constexpr std::size_t kCostOfFormat = 25'000;
  constexpr std::size_t kCostOfPattern = 5000;
  constexpr std::size_t kCostOfByte = 300;
  std::size_t work = kCostOfFormat * schema.formats.size();
  for (const SchemaPlace& pattern : schema.patterns) {
    work += kCostOfPattern + kCostOfByte * pattern.value->text.size();
  }
  if (absl::Status status = Spend(work, schema.first()); !status.ok()) return status;
  return AddStrings(schema, json_, grammar_);
}

absl::StatusOr<Expression> SchemaTranslator::Numbers(const MergedSchema& schema) {
  bool integers = (schema.WrittenTypes() & kNumberTypes) == kIntegerType;
  for (const SchemaPlace& multiple : schema.multiples) {
    if (Compare(Decimal(multiple.value->text), Decimal("1")) != 0) {
      return SchemaError(multiple, "multiples of 1 alone are supported");
    }
    integers = true;
  }
  if (!schema.range.bounded()) return integers ? json_.Integer() : json_.Number();
  absl::StatusOr<Expression> numbers =
      integers ? AddIntegers(schema.range, grammar_) : AddNumbers(schema.range, grammar_);
  if (!numbers.ok()) return SchemaError(schema.first(), numbers.status().message());
  return numbers;
}

absl::StatusOr<Expression> SchemaTranslator::Arrays(const MergedSchema& schema) {
  CountRange counts = schema.items;
  std::size_t prefix = 0;
  for (const MergedSchema::ArrayPart& array : schema.arrays) {
    if (array.prefix.value != nullptr) {
      prefix = std::max(prefix, array.prefix.value->elements.size());
    }
  }
  const std::vector<SchemaPlace> others = schema.ElementSchemas(prefix);
  // Without a word on the elements after a prefix, there are none but those that there must be.
  if (AnyIsFalse(others)) counts.most = std::min(counts.most, prefix);
  if (others.empty() && prefix > 0) {
    counts.most = std::min(counts.most, std::max(prefix, counts.least));
  }
  prefix = std::min(prefix, counts.most);
  std::vector<Expression> elements;
  for (std::size_t i = 0; i < prefix; ++i) {
    const std::vector<SchemaPlace> schemas = schema.ElementSchemas(i);
    if (AnyIsFalse(schemas)) {
      counts.most = i;
      break;
    }
    const absl::StatusOr<Expression> element = Translate(schemas);
    if (!element.ok()) return element.status();
    elements.push_back(*element);
  }
  if (counts.least > counts.most) {
    return Unsatisfiable(schema.first(), "no array has as many elements as minItems says");
  }
  if (schema.unique_items && counts.most > 1) {
    return SchemaError(*schema.unique_items,
                       "elements that differ from each other are supported "
                       "where maxItems is at most 1 alone");
  }
  return ArraysOf(elements, others, counts);
}

// Arrays of `elements`, of which only counts.least must be there, and others after them.
absl::StatusOr<Expression> SchemaTranslator::ArraysOf(const std::vector<Expression>& elements,
                                                      const std::vector<SchemaPlace>& others,
                                                      CountRange counts) {
  const std::size_t prefix = elements.size();
  const Expression comma = grammar_.Literal(", ");
  std::optional<Expression> tail;  // what follows so many elements
  std::size_t first = prefix;
  if (counts.most > prefix) {
    const absl::StatusOr<Expression> translated = Translate(others);
    if (!translated.ok()) return translated.status();
    const Expression other = json_.Shared(*translated, "element");
    const std::size_t least = counts.least - std::min(counts.least, prefix);
    const std::size_t most =
        counts.most == Grammar::kUnbounded ? counts.most : counts.most - prefix;
    if (prefix > 0) {
      tail = grammar_.Repeat(grammar_.Sequence({comma, other}), least, most);
    } else {
      const std::size_t rest = most == Grammar::kUnbounded ? most : most - 1;
      const Expression list =
          json_.List(other, other, least - std::min<std::size_t>(least, 1), rest);
      tail = least == 0 ? grammar_.Optional(list) : list;
    }
  }
  while (first-- > 0) {
    std::vector<Expression> parts = {elements[first]};
    if (first > 0) parts.insert(parts.begin(), comma);
    if (tail) parts.push_back(*tail);
    tail = grammar_.Sequence(parts);
    if (first >= counts.least) tail = grammar_.Optional(*tail);
    if (first % kDeepestList == kDeepestList - 1) tail = json_.Shared(*tail, "elements");
  }
  return grammar_.Sequence(
      {grammar_.Literal("["), tail.value_or(grammar_.Empty()), grammar_.Literal("]")});
}

absl::StatusOr<Expression> SchemaTranslator::Objects(const MergedSchema& schema) {
  ObjectShape shape;
  shape.counts = schema.properties;
  const std::unordered_set<std::string> required(schema.required.begin(), schema.required.end());
  const std::vector<std::string> names = PropertyNames(schema);
  constexpr std::size_t kCostOfName = 100;
  const std::size_t work = kCostOfName * names.size() * (1 + schema.objects.size());
  if (absl::Status status = Spend(work, schema.first()); !status.ok()) return status;
  std::vector<std::pair<std::string, std::vector<SchemaPlace>>> properties;
  for (const std::string& name : names) {
    std::vector<SchemaPlace> schemas = schema.PropertySchemas(name);
    const bool is_required = required.contains(name);
    if (AnyIsFalse(schemas)) {
      if (!is_required) continue;
      return Unsatisfiable(schema.first(), absl::StrCat("the property ", JsonStringText(name),
                                                        " is required and not allowed"));
    }
    properties.emplace_back(name, std::move(schemas));
    shape.members.push_back({{}, is_required});
  }
  // Before each of them is translated, which takes longer than to see that they are too many.
  if (absl::Status status = CheckMembers(shape, schema.first()); !status.ok()) return status;
  for (std::size_t i = 0; i < properties.size(); ++i) {
    const auto& [name, schemas] = properties[i];
    const absl::StatusOr<Expression> value = Translate(schemas);
    if (!value.ok()) return value.status();
    const Expression key = grammar_.Literal(absl::StrCat(JsonStringText(name), ": "));
    shape.members[i].text = grammar_.Sequence({key, *value});
  }
  if (schema.WritesOtherProperties()) {
    std::vector<SchemaPlace> schemas;
    for (const MergedSchema::ObjectPart& object : schema.objects) {
      if (object.additional.value != nullptr) schemas.push_back(object.additional);
    }
    const absl::StatusOr<Expression> value = Translate(schemas);
    if (!value.ok()) return value.status();
    const Expression key = names.empty() ? json_.String() : json_.OtherKey(names);
    shape.other = grammar_.Sequence({key, grammar_.Literal(": "), *value});
  }
  return AddObjects(std::move(shape), schema.first(), json_, grammar_);
}

}  // namespace cascade::model
