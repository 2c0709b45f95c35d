// SPDX-License-Identifier: Apache-2.0

#include "model/constraints/json/schema_values.h"

#include <optional>

#include "model/constraints/utf8.h"

namespace cascade::model {
namespace {

using Kind = OrderedJson::Kind;

// Whether a number is on the right side of a bound; `direction` is that of the side.
bool IsWithin(const Decimal& number, const std::optional<NumberBound>& bound, int direction) {
  if (!bound) return true;
  const int order = direction * Compare(number, bound->value);
  return order > 0 || (order == 0 && !bound->exclusive);
}

bool HasLength(const OrderedJson& string, CountRange length) {
  const std::optional<std::u32string> characters = DecodeUtf8(string.text);
  const std::size_t count = characters ? characters->size() : string.text.size();
  return length.least <= count && count <= length.most;
}

absl::Status Untold(const SchemaPlace& place) {
  return SchemaError(place, "beside enum or const this is not supported");
}

absl::StatusOr<bool> Fits(const OrderedJson& value, const MergedSchema& schema) {
  const TypeSet type = TypeOf(value);
  if ((type & schema.types) == 0) return false;
  switch (value.kind) {
    case Kind::kNumber: {
      if (!schema.multiples.empty()) return Untold(schema.multiples.front());
      const Decimal number(value.text);
      return IsWithin(number, schema.range.least, 1) && IsWithin(number, schema.range.greatest, -1);
    }
    case Kind::kString:
      if (!schema.patterns.empty()) return Untold(schema.patterns.front());
      if (!schema.formats.empty()) return Untold(schema.formats.front());
      return HasLength(value, schema.length);
    case Kind::kArray:
    case Kind::kObject:
      if ((type & schema.keyword_types) != 0) return Untold(schema.first());
      return true;
    default:
      return true;
  }
}

}  // namespace

absl::StatusOr<std::vector<const OrderedJson*>> FittingValues(const MergedSchema& schema) {
  std::vector<const OrderedJson*> fitting;
  for (const OrderedJson* value : *schema.values) {
    const absl::StatusOr<bool> fits = Fits(*value, schema);
    if (!fits.ok()) return fits.status();
    if (*fits) fitting.push_back(value);
  }
  return fitting;
}

}  // namespace cascade::model
