// SPDX-License-Identifier: Apache-2.0

#include "model/json_document.h"

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "model/file_kind.h"
#include "nlohmann/json.hpp"

namespace cascade::model {
namespace {

using nlohmann::json;

// Builds a document from the events of the SAX parser. Stops at the first error and keeps its
// message. The library's own DOM builder would accept a key twice, and nesting of any depth.
class Builder final : public nlohmann::json_sax<json> {
 public:
  const std::string& complaint() const { return complaint_; }
  JsonDocument Take() { return std::move(document_); }

  bool null() override { return Place(nullptr); }
  bool boolean(bool value) override { return Place(value); }
  bool number_integer(number_integer_t value) override { return Place(value); }
  bool number_unsigned(number_unsigned_t value) override { return Place(value); }
  bool number_float(number_float_t value, const string_t& /*text*/) override {
    return Place(value);
  }
  bool string(string_t& value) override { return Place(std::move(value)); }
  bool binary(binary_t& value) override { return Place(std::move(value)); }
  bool start_object(std::size_t /*elements*/) override { return Enter(json::value_t::object); }
  bool start_array(std::size_t /*elements*/) override { return Enter(json::value_t::array); }
  bool end_object() override { return Leave(); }
  bool end_array() override { return Leave(); }

  bool key(string_t& name) override {
    auto& members = open_.back()->get_ref<json::object_t&>();
    const auto [member, is_new] = members.emplace(std::move(name), nullptr);
    member_ = &member->second;
    if (!is_new) {
      complaint_ = absl::StrCat("key ", Quoted(member->first), " stands twice in one object");
    }
    return is_new;
  }

  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const nlohmann::detail::exception& /*error*/) override {
    complaint_ = absl::StrCat("not valid JSON at byte ", position);
    return false;
  }

 private:
  // Stores a value where the parser is: as the value of the last key, at the end of the innermost
  // array, or as the whole document.
  bool Place(json value) {
    last_ = &*document_;
    if (!open_.empty()) {
      auto* const elements = open_.back()->get_ptr<json::array_t*>();
      last_ = elements == nullptr ? member_ : &elements->emplace_back();
    }
    *last_ = std::move(value);
    return true;
  }

  // The pointers in open_ stay valid: an array grows only while none of its elements is open, and
  // an object's members never move.
  bool Enter(json::value_t kind) {
    Place(json(kind));
    open_.push_back(last_);
    if (open_.size() <= kMaxJsonDepth) return true;
    complaint_ = absl::StrCat("JSON nested deeper than ", kMaxJsonDepth);
    return false;
  }

  bool Leave() {
    open_.pop_back();
    return true;
  }

  JsonDocument document_{nullptr};
  std::vector<json*> open_;  // objects and arrays that were entered and not left, outermost first
  json* member_ = nullptr;   // the value of the last key
  json* last_ = nullptr;     // the value that was stored last
  std::string complaint_;
};

// The number that JSON does not know and Python writes all the same, if `text` begins with one.
absl::string_view NonFiniteAt(absl::string_view text) {
  for (const absl::string_view number : {"NaN", "Infinity", "-Infinity"}) {
    if (absl::StartsWith(text, number)) return number;
  }
  return "";
}

// The text with such numbers in quotes. As strings they are refused by name where a number matters,
// and nowhere else.
std::string QuoteNonFinite(absl::string_view text) {
  std::string quoted;
  bool in_string = false;
  while (!text.empty()) {
    const absl::string_view number = in_string ? "" : NonFiniteAt(text);
    if (!number.empty()) {
      absl::StrAppend(&quoted, "\"", number, "\"");
      text.remove_prefix(number.size());
      continue;
    }
    const bool is_escape = in_string && text.front() == '\\' && text.size() > 1;
    if (text.front() == '"') in_string = !in_string;
    absl::StrAppend(&quoted, text.substr(0, is_escape ? 2 : 1));
    text.remove_prefix(is_escape ? 2 : 1);
  }
  return quoted;
}

bool HasNonFinite(absl::string_view text) {
  return absl::StrContains(text, "NaN") || absl::StrContains(text, "Infinity");
}

absl::StatusOr<JsonDocument> Parse(absl::string_view text, absl::string_view file,
                                   json::value_t kind) {
  std::string quoted;
  if (HasNonFinite(text)) text = quoted = QuoteNonFinite(text);
  Builder builder;
  if (!json::sax_parse(text.begin(), text.end(), &builder)) {
    const std::string found = DescribeForeignFile(text);
    if (!found.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(file, ": expected JSON, found ", found));
    }
    return absl::InvalidArgumentError(absl::StrCat(file, ": ", builder.complaint()));
  }
  JsonDocument document = builder.Take();
  if (document->type() != kind) {
    return absl::InvalidArgumentError(absl::StrCat(
        file, ": expected a JSON ", json(kind).type_name(), ", found ", Shown(*document)));
  }
  return document;
}

// Empties an array or object from the inside out: one without elements is destroyed without an
// allocation. As deep a recursion as Parse lets a document nest.
void Empty(json& value) {
  if (!value.is_structured()) return;
  for (json& element : value) Empty(element);
  value.clear();
}

}  // namespace

JsonDocument::JsonDocument(json value) : value_(std::make_unique<json>(std::move(value))) {}
JsonDocument::JsonDocument(JsonDocument&& other) noexcept = default;

JsonDocument& JsonDocument::operator=(JsonDocument&& other) noexcept {
  std::swap(value_, other.value_);
  return *this;
}

JsonDocument::~JsonDocument() {
  if (value_ != nullptr) Empty(*value_);
}

absl::StatusOr<JsonDocument> ParseJsonObject(absl::string_view text, absl::string_view file) {
  return Parse(text, file, json::value_t::object);
}

absl::StatusOr<JsonDocument> ParseJsonArray(absl::string_view text, absl::string_view file) {
  return Parse(text, file, json::value_t::array);
}

absl::StatusOr<std::string> ReadTextFile(const std::string& path, std::size_t max_bytes) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::none) {  // nobody knows whether it is there
    return absl::PermissionDeniedError(absl::StrCat(path, ": ", NotReadable(error)));
  }
  if (!std::filesystem::exists(status)) {
    const std::string link = DanglingLink(path);
    return absl::NotFoundError(link.empty() ? absl::StrCat(path, ": no such file") : link);
  }
  if (!std::filesystem::is_regular_file(status)) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": not a regular file"));
  }
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  if (!error && size > max_bytes) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": expected at most ", max_bytes,
                                                   " bytes, found ", std::uint64_t{size}));
  }
  std::string text(error ? 0 : size, '\0');
  errno = 0;
  std::ifstream stream(path, std::ios::binary);
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!error && stream) return text;
  if (!error) error.assign(errno, std::generic_category());
  return absl::PermissionDeniedError(absl::StrCat(path, ": ", NotReadable(error)));
}

std::string Quoted(absl::string_view text) {
  constexpr std::size_t kLongest = 100;
  const bool cut = text.size() > kLongest;
  return absl::StrCat("\"", absl::CHexEscape(text.substr(0, kLongest)), cut ? "...\"" : "\"");
}

std::string Shown(const json& value) {
  if (const auto* text = value.get_ptr<const json::string_t*>()) return Quoted(*text);
  return value.is_structured() ? absl::StrCat("an ", value.type_name()) : value.dump();
}

}  // namespace cascade::model
