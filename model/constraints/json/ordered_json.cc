// SPDX-License-Identifier: Apache-2.0

#include "model/constraints/json/ordered_json.h"

#include <algorithm>
#include <numeric>
#include <unordered_set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "model/constraints/json/decimal.h"
#include "model/json_document.h"
#include "nlohmann/json.hpp"

namespace cascade::model {
namespace {

using Kind = OrderedJson::Kind;

// Builds a value from the events of the SAX parser. Stops at the first error and keeps its message.
class Builder final : public nlohmann::json_sax<nlohmann::json> {
 public:
  const std::string& complaint() const { return complaint_; }
  OrderedJson Take() { return std::move(root_); }

  bool null() override { return Place({}); }
  bool boolean(bool value) override {
    OrderedJson placed;
    placed.kind = Kind::kBoolean;
    placed.boolean = value;
    return Place(std::move(placed));
  }
  bool number_integer(number_integer_t value) override { return Number(absl::StrCat(value)); }
  bool number_unsigned(number_unsigned_t value) override { return Number(absl::StrCat(value)); }
  bool number_float(number_float_t /*value*/, const string_t& text) override {
    return Number(text);
  }
  bool string(string_t& value) override {
    OrderedJson placed;
    placed.kind = Kind::kString;
    placed.text = std::move(value);
    return Place(std::move(placed));
  }
  bool binary(binary_t& /*value*/) override { return false; }
  bool start_object(std::size_t /*elements*/) override { return Enter(Kind::kObject); }
  bool start_array(std::size_t /*elements*/) override { return Enter(Kind::kArray); }
  bool end_object() override { return Leave(); }
  bool end_array() override { return Leave(); }

  bool key(string_t& name) override {
    if (!open_.back().names.insert(name).second) {
      complaint_ = absl::StrCat("key ", Quoted(name), " stands twice in one object");
      return false;
    }
    open_.back().value->members.push_back({.name = std::move(name), .value = {}});
    return true;
  }

  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const nlohmann::detail::exception& /*error*/) override {
    complaint_ = absl::StrCat("not valid JSON at byte ", position);
    return false;
  }

 private:
  struct Open {
    OrderedJson* value = nullptr;
    std::unordered_set<std::string> names;
  };

  bool Number(std::string text) {
    OrderedJson value;
    value.kind = Kind::kNumber;
    value.text = std::move(text);
    return Place(std::move(value));
  }

  // The pointers in open_ stay valid: an array or object grows only while none of what is in it is
  // open.
  bool Place(OrderedJson value) {
    OrderedJson* place = &root_;
    if (!open_.empty()) {
      OrderedJson& around = *open_.back().value;
      place =
          around.is(Kind::kObject) ? &around.members.back().value : &around.elements.emplace_back();
    }
    *place = std::move(value);
    last_ = place;
    return true;
  }

  bool Enter(Kind kind) {
    OrderedJson value;
    value.kind = kind;
    Place(std::move(value));
    open_.push_back({.value = last_, .names = {}});
    if (open_.size() <= kMaxOrderedJsonDepth) return true;
    complaint_ = absl::StrCat("JSON nested deeper than ", kMaxOrderedJsonDepth);
    return false;
  }

  bool Leave() {
    SortMembers(*open_.back().value);
    open_.pop_back();
    return true;
  }

  // Finding each of n names takes n * n comparisons if they are looked at one by one.
  static void SortMembers(OrderedJson& object) {
    constexpr std::size_t kFew = 16;
    if (object.members.size() <= kFew) return;
    object.sorted.resize(object.members.size());
    std::iota(object.sorted.begin(), object.sorted.end(), 0U);
    std::sort(object.sorted.begin(), object.sorted.end(), [&](std::uint32_t a, std::uint32_t b) {
      return object.members[a].name < object.members[b].name;
    });
  }

  OrderedJson root_;
  std::vector<Open> open_;  // what was entered and not left, outermost first
  OrderedJson* last_ = nullptr;
  std::string complaint_;
};

std::string NumberText(absl::string_view number) {
  const Decimal value(number);
  return absl::StrCat(value.negative ? "-" : "", value.integer, ".", value.fraction);
}

void AppendText(const OrderedJson& value, std::string& text) {
  absl::string_view separator;
  switch (value.kind) {
    case Kind::kNull:
      text += "null";
      break;
    case Kind::kBoolean:
      text += value.boolean ? "true" : "false";
      break;
    case Kind::kNumber:
      text += value.text;
      break;
    case Kind::kString:
      text += JsonStringText(value.text);
      break;
    case Kind::kArray:
      text += '[';
      for (const OrderedJson& element : value.elements) {
        absl::StrAppend(&text, separator);
        AppendText(element, text);
        separator = ", ";
      }
      text += ']';
      break;
    case Kind::kObject:
      text += '{';
      for (const OrderedJson::Member& member : value.members) {
        absl::StrAppend(&text, separator, JsonStringText(member.name), ": ");
        AppendText(member.value, text);
        separator = ", ";
      }
      text += '}';
      break;
  }
}

}  // namespace

const OrderedJson* OrderedJson::Find(absl::string_view name) const {
  if (!sorted.empty()) {
    const auto at = std::lower_bound(
        sorted.begin(), sorted.end(), name,
        [this](std::uint32_t place, absl::string_view key) { return members[place].name < key; });
    return at != sorted.end() && members[*at].name == name ? &members[*at].value : nullptr;
  }
  const auto found = std::find_if(members.begin(), members.end(),
                                  [&](const Member& member) { return member.name == name; });
  return found == members.end() ? nullptr : &found->value;
}

absl::StatusOr<OrderedJson> ParseOrderedJson(absl::string_view text) {
  Builder builder;
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &builder)) {
    return absl::InvalidArgumentError(builder.complaint());
  }
  return builder.Take();
}

std::string EqualityText(const OrderedJson& value) {
  std::vector<std::string> parts;
  switch (value.kind) {
    case Kind::kNumber:
      return NumberText(value.text);
    case Kind::kArray:
      for (const OrderedJson& element : value.elements) parts.push_back(EqualityText(element));
      return absl::StrCat("[", absl::StrJoin(parts, ","), "]");
    case Kind::kObject:
      for (const OrderedJson::Member& member : value.members) {
        parts.push_back(absl::StrCat(JsonStringText(member.name), ":", EqualityText(member.value)));
      }
      std::sort(parts.begin(), parts.end());
      return absl::StrCat("{", absl::StrJoin(parts, ","), "}");
    default:
      return JsonText(value);
  }
}

std::string JsonText(const OrderedJson& value) {
  std::string text;
  AppendText(value, text);
  return text;
}

std::string JsonStringText(absl::string_view contents) {
  constexpr absl::string_view kEscaped = "\"\\\b\f\n\r\t";
  constexpr absl::string_view kLetters = "\"\\bfnrt";
  std::string text = "\"";
  for (const char byte : contents) {
    const std::size_t index = kEscaped.find(byte);
    if (index != absl::string_view::npos) {
      absl::StrAppend(&text, "\\", kLetters.substr(index, 1));
    } else if (static_cast<unsigned char>(byte) < 0x20) {
      absl::StrAppendFormat(&text, "\\u%04x", static_cast<unsigned>(byte));
    } else {
      text += byte;
    }
  }
  return text + '"';
}

}  // namespace cascade::model
