// SPDX-License-Identifier: Apache-2.0

#include "model/constraints/json/schema_exclusion.h"

#include <algorithm>
#include <optional>
#include <unordered_set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace cascade::model {
namespace {

constexpr std::size_t kMaxDepth = 8;

// The schemas of which one must hold, with the last list of alternatives resolved; nothing if one
// is not a schema that is supported.
std::optional<std::vector<MergedSchema>> Chosen(const MergedSchema& schema,
                                                const SchemaDocument& document) {
  std::vector<MergedSchema> chosen;
  MergedSchema rest = schema;
  const MergedSchema::Alternatives last = rest.alternatives.back();
  rest.alternatives.pop_back();
  for (std::size_t i = 0; i < last.list.value->elements.size(); ++i) {
    document.Spend(rest.CostOfCopy());
    MergedSchema one = rest;
    const SchemaPlace place = {&last.list.value->elements[i],
                               PointerTo(last.list, absl::StrCat(i))};
    if (!one.Add(place, document, last.owner).ok()) return std::nullopt;
    chosen.push_back(std::move(one));
  }
  return chosen;
}

std::optional<MergedSchema> Merged(const std::vector<SchemaPlace>& schemas,
                                   const SchemaDocument& document) {
  MergedSchema merged;
  for (const SchemaPlace& schema : schemas) {
    if (!merged.Add(schema, document).ok()) return std::nullopt;
  }
  return merged;
}

// Whether all numbers up to `greatest` are below those from `least`.
bool IsBelow(const std::optional<NumberBound>& greatest, const std::optional<NumberBound>& least) {
  if (!greatest || !least) return false;
  const int order = Compare(greatest->value, least->value);
  return order < 0 || (order == 0 && (greatest->exclusive || least->exclusive));
}

bool IsRequired(const MergedSchema& schema, absl::string_view name) {
  return std::find(schema.required.begin(), schema.required.end(), name) != schema.required.end();
}

// Whether an object that is written for `schema` may have the property.
bool MayWrite(const MergedSchema& schema, absl::string_view name) {
  if (IsRequired(schema, name) || schema.WritesOtherProperties()) return true;
  return std::any_of(
      schema.objects.begin(), schema.objects.end(), [name](const MergedSchema::ObjectPart& object) {
        return object.properties.value != nullptr && object.properties.value->Find(name) != nullptr;
      });
}

}  // namespace

bool SchemaExclusion::Excludes(const MergedSchema& written, const MergedSchema& valid,
                               std::size_t depth) {
  document_.Spend(20);
  if (document_.exhausted() || depth > kMaxDepth) return false;
  if (written.impossible || valid.impossible) return true;
  const MergedSchema& open = written.alternatives.empty() ? valid : written;
  if (!open.alternatives.empty()) {
    const std::optional<std::vector<MergedSchema>> chosen = Chosen(open, document_);
    const auto excludes = [&](const MergedSchema& one) {
      return &open == &written ? Excludes(one, valid, depth + 1)
                               : Excludes(written, one, depth + 1);
    };
    return chosen && std::all_of(chosen->begin(), chosen->end(), excludes);
  }
  if (written.values || valid.values) {
    return ExcludesValues(written, valid);
  }
  const auto common = static_cast<TypeSet>(written.WrittenTypes() & valid.types);
  if (common == 0) return true;
  if ((common & ~(kNumberTypes | kObjectType)) != 0) return false;
  if ((common & kNumberTypes) != 0 && !IsBelow(written.range.greatest, valid.range.least) &&
      !IsBelow(valid.range.greatest, written.range.least)) {
    return false;
  }
  return (common & kObjectType) == 0 || ExcludesObjects(written, valid, depth);
}

bool SchemaExclusion::ExcludesValues(const MergedSchema& written, const MergedSchema& valid) const {
  const auto has_other_type = [](const MergedSchema& schema) {
    return [&schema](const OrderedJson* value) { return (TypeOf(*value) & schema.types) == 0; };
  };
  if (!written.values) {
    document_.Spend(20 * valid.values->size());
    const TypeSet types = written.WrittenTypes();
    return std::none_of(valid.values->begin(), valid.values->end(),
                        [types](const OrderedJson* value) { return TypeOf(*value) & types; });
  }
  document_.Spend(20 * (written.values->size() + (valid.values ? valid.values->size() : 0)));
  std::unordered_set<std::size_t> valid_ids;
  if (valid.values) {
    for (const OrderedJson* value : *valid.values) valid_ids.insert(document_.ValueId(*value));
  }
  return std::all_of(written.values->begin(), written.values->end(), [&](const OrderedJson* value) {
    if (has_other_type(written)(value) || has_other_type(valid)(value)) return true;
    return valid.values && !valid_ids.contains(document_.ValueId(*value));
  });
}

bool SchemaExclusion::ExcludesObjects(const MergedSchema& written, const MergedSchema& valid,
                                      std::size_t depth) {
  for (const std::string& name : valid.required) {
    if (!MayWrite(written, name)) return true;
  }
  for (const std::string& name : written.required) {
    if (ExcludesProperty(written, valid, name, depth)) return true;
  }
  return false;
}

// Of a property that is always written.
bool SchemaExclusion::ExcludesProperty(const MergedSchema& written, const MergedSchema& valid,
                                       const std::string& name, std::size_t depth) {
  document_.Spend(300);
  const std::vector<SchemaPlace> must_be = valid.PropertySchemas(name);
  if (AnyIsFalse(must_be)) return true;
  const std::vector<SchemaPlace> is = written.PropertySchemas(name);
  if (is.empty() || must_be.empty()) return false;
  const std::optional<MergedSchema> is_merged = Merged(is, document_);
  const std::optional<MergedSchema> must_be_merged = Merged(must_be, document_);
  return is_merged && must_be_merged && Excludes(*is_merged, *must_be_merged, depth + 1);
}

}  // namespace cascade::model
