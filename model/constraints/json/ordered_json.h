// SPDX-License-Identifier: Apache-2.0
// JSON that callers wrote, with the order of members and the spelling of numbers kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace cascade::model {

// A JSON value. The order of an object's members is the order in which a model is made to write
// them, and a number of any size is written as the caller wrote it.
struct OrderedJson {
  enum class Kind : std::uint8_t { kNull, kBoolean, kNumber, kString, kArray, kObject };
  struct Member;

  Kind kind = Kind::kNull;
  bool boolean = false;
  std::string text;                   // kNumber: as written; kString: what it says
  std::vector<OrderedJson> elements;  // kArray
  std::vector<Member> members;        // kObject, each name once
  std::vector<std::uint32_t> sorted;  // the members' places by their names, where they are many

  bool is(Kind wanted) const { return kind == wanted; }
  // The value of a member; null if there is none, or this is no object.
  const OrderedJson* Find(absl::string_view name) const;
};

struct OrderedJson::Member {
  std::string name;
  OrderedJson value;
};

// How deep arrays and objects may nest.
inline constexpr std::size_t kMaxOrderedJsonDepth = 64;

// INVALID_ARGUMENT if `text` is not JSON, nests deeper than kMaxOrderedJsonDepth or has a key twice
// in one object. Throws nothing but std::bad_alloc.
absl::StatusOr<OrderedJson> ParseOrderedJson(absl::string_view text);

// A text that two values have in common if they are equal as JSON Schema has it: 1 is 1.0, and the
// order of members does not matter.
std::string EqualityText(const OrderedJson& value);

// As Python's json.dumps(value, ensure_ascii=False) writes it.
std::string JsonText(const OrderedJson& value);
// A string between quotes.
std::string JsonStringText(absl::string_view contents);

}  // namespace cascade::model
