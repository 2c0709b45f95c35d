// SPDX-License-Identifier: Apache-2.0
// Checked access to the members of a configuration file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "model/token.h"
#include "nlohmann/json_fwd.hpp"

namespace cascade::model {

// Reads members of one JSON object and keeps the first error, so that the caller checks status()
// once, after the last member. A member that is missing or null is "absent". An error is
// INVALID_ARGUMENT and names file, key, value and what is allowed. Borrows `object` and `file`.
class JsonReader {
 public:
  JsonReader(const nlohmann::json& object, absl::string_view file) : object_(object), file_(file) {}

  const absl::Status& status() const { return status_; }

  // An integer in [min, max]; 1.0 is not one.
  std::optional<std::uint64_t> Integer(const char* key, std::uint64_t min, std::uint64_t max);

  // As above, for a member that must not be absent. Returns `min` after an error.
  std::uint64_t RequiredInteger(const char* key, std::uint64_t min, std::uint64_t max);

  // A number in [min, max].
  std::optional<double> Number(const char* key, double min, double max);

  std::optional<bool> Boolean(const char* key);
  std::optional<std::string> String(const char* key);

  // One token id or a list of them; empty if absent.
  std::vector<TokenId> Tokens(const char* key);

  // Records an error about the member `key`: "<file>: <key> is <value>: <expected>".
  void Refuse(const char* key, absl::string_view expected);

  // True if the member is not absent.
  bool Has(const char* key) const;

 private:
  const nlohmann::json* Find(const char* key) const;

  const nlohmann::json& object_;
  absl::string_view file_;
  absl::Status status_;
};

}  // namespace cascade::model
