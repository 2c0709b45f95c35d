// SPDX-License-Identifier: Apache-2.0
// What `cascade repl` was told about how to generate.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cascade/v1/text_generation.pb.h"
#include "tools/cascade/flags.h"

namespace cascade::cli {

// The values of generation flags as their texts. They are read anew for each request, so that a
// file that a value names may change meanwhile. Each method names a wrong flag or value in its
// error, INVALID_ARGUMENT, and then changes nothing.
class Settings {
 public:
  // Adds all generation flags, which set this. `flags` borrows it.
  void AddTo(Flags& flags);

  // Sets one flag, or adds a value to one that may be given several times. A switch needs no value.
  absl::Status Set(const std::string& name, const std::string& value);

  // Back to the model's default.
  absl::Status Unset(const std::string& name);
  void Reset() { values_.clear(); }

  // A request without a prompt.
  absl::StatusOr<v1::GenerateRequest> Request() const;

  // A line "name value" for each value, in the order in which they were given.
  std::string Show() const;

 private:
  using Values = std::vector<std::pair<std::string, std::string>>;

  static absl::StatusOr<v1::GenerateRequest> RequestOf(const Values& values);

  Values values_;
};

// The help text of all generation flags.
std::string SettingsHelp();

}  // namespace cascade::cli
