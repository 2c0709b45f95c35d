// SPDX-License-Identifier: Apache-2.0

#include "model/json_reader.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "model/json_document.h"
#include "nlohmann/json.hpp"

namespace cascade::model {
namespace {

using nlohmann::json;

// A token id, whatever the vocabulary.
std::optional<TokenId> AsToken(const json& value) {
  const auto* id = value.get_ptr<const json::number_unsigned_t*>();
  if (id == nullptr || *id > std::numeric_limits<TokenId>::max()) return std::nullopt;
  return static_cast<TokenId>(*id);
}

}  // namespace

const json* JsonReader::Find(const char* key) const {
  const auto found = object_.find(key);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

bool JsonReader::Has(const char* key) const { return Find(key) != nullptr; }

void JsonReader::Refuse(const char* key, absl::string_view expected) {
  if (!status_.ok()) return;
  const json* value = Find(key);
  status_ = absl::InvalidArgumentError(absl::StrCat(
      file_, ": ", key, value == nullptr ? " is missing" : absl::StrCat(" is ", Shown(*value)),
      ": expected ", expected));
}

std::optional<std::uint64_t> JsonReader::Integer(const char* key, std::uint64_t min,
                                                 std::uint64_t max) {
  const json* value = Find(key);
  if (value == nullptr) return std::nullopt;
  const auto* number = value->get_ptr<const json::number_unsigned_t*>();
  if (number == nullptr || *number < min || *number > max) {
    Refuse(key, absl::StrCat("an integer from ", min, " to ", max));
    return std::nullopt;
  }
  return *number;
}

std::uint64_t JsonReader::RequiredInteger(const char* key, std::uint64_t min, std::uint64_t max) {
  if (!Has(key)) Refuse(key, absl::StrCat("an integer from ", min, " to ", max));
  return Integer(key, min, max).value_or(min);
}

std::optional<double> JsonReader::Number(const char* key, double min, double max) {
  const json* value = Find(key);
  if (value == nullptr) return std::nullopt;
  const double number = value->is_number() ? value->get<double>() : max + 1.0;
  if (!(number >= min && number <= max)) {
    Refuse(key, absl::StrCat("a number from ", min, " to ", max));
    return std::nullopt;
  }
  return number;
}

std::optional<bool> JsonReader::Boolean(const char* key) {
  const json* value = Find(key);
  if (value == nullptr) return std::nullopt;
  const auto* boolean = value->get_ptr<const json::boolean_t*>();
  if (boolean == nullptr) {
    Refuse(key, "true or false");
    return std::nullopt;
  }
  return *boolean;
}

std::optional<std::string> JsonReader::String(const char* key) {
  const json* value = Find(key);
  if (value == nullptr) return std::nullopt;
  const auto* text = value->get_ptr<const json::string_t*>();
  if (text == nullptr) {
    Refuse(key, "a string");
    return std::nullopt;
  }
  return *text;
}

std::vector<TokenId> JsonReader::Tokens(const char* key) {
  const json* value = Find(key);
  if (value == nullptr) return {};
  std::vector<TokenId> tokens;
  const json list = value->is_array() ? *value : json::array({*value});
  for (const json& element : list) {
    const std::optional<TokenId> token = AsToken(element);
    if (!token) {
      Refuse(key, "a token id or a list of them");
      return {};
    }
    tokens.push_back(*token);
  }
  return tokens;
}

}  // namespace cascade::model
