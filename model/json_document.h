// SPDX-License-Identifier: Apache-2.0
// Parses JSON from files that are not trusted.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json_fwd.hpp"

namespace cascade::model {

// How deep objects and arrays may nest. config.json needs 3.
inline constexpr std::size_t kMaxJsonDepth = 32;

// Owns a parsed document. Its destructor allocates nothing; nlohmann::json's own collects an
// object's members in a list first, and ends the process if there is no memory for the list.
class JsonDocument {
 public:
  explicit JsonDocument(nlohmann::json value);
  JsonDocument(JsonDocument&& other) noexcept;
  JsonDocument& operator=(JsonDocument&& other) noexcept;
  ~JsonDocument();

  // Not after it was moved from.
  nlohmann::json& operator*() { return *value_; }
  const nlohmann::json& operator*() const { return *value_; }
  nlohmann::json* operator->() { return value_.get(); }
  const nlohmann::json* operator->() const { return value_.get(); }

 private:
  std::unique_ptr<nlohmann::json> value_;
};

// Parses a text that must be one JSON object; `file` is its name, for messages. INVALID_ARGUMENT,
// naming the file and the byte, if it is not JSON, nests deeper than kMaxJsonDepth, or has a key
// twice in one object (readers differ in which one they would take), or if it is a file of another
// kind (file_kind.h). NaN and Infinity, which Python writes though JSON has no such, become
// strings; a byte order mark before the text is skipped. Throws nothing but std::bad_alloc.
absl::StatusOr<JsonDocument> ParseJsonObject(absl::string_view text, absl::string_view file);

// As ParseJsonObject, for a text that must be one JSON array.
absl::StatusOr<JsonDocument> ParseJsonArray(absl::string_view text, absl::string_view file);

// The contents of a regular file of at most `max_bytes`. NOT_FOUND if there is none;
// INVALID_ARGUMENT if it is something else or longer.
absl::StatusOr<std::string> ReadTextFile(const std::string& path, std::size_t max_bytes);

// A name or value from a file, as messages show it: quoted, escaped, cut to a readable length.
std::string Quoted(absl::string_view text);

// A value as messages show it; for an object or array only its kind.
std::string Shown(const nlohmann::json& value);

}  // namespace cascade::model
