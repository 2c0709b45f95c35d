// SPDX-License-Identifier: Apache-2.0
// The flags of one subcommand: their names, their help texts, and the values that the user gave.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/flags/marshalling.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace cascade::cli {

// Abseil's flag parsers read the values ("0.8", "true", "1m30s"). ABSL_FLAG itself is process-wide,
// while each subcommand has its own flags, and it allows no flag to be repeated (--stop).
//
// Targets are borrowed and must outlive Parse. Before Parse a target holds the flag's default. Not
// thread-safe.
class Flags {
 public:
  struct Flag {
    std::string name;
    std::string value;  // the placeholder in the help text; empty for a switch
    std::string help;
    std::string heading;  // of the group that begins with this flag; empty: none begins
    bool is_switch;
    std::function<absl::Status(const std::string&)> set;
    bool repeats = false;  // each use adds to those before it
  };

  // The flags that are added from now on are a group of their own in the help text.
  void BeginGroup(absl::string_view heading) { heading_ = std::string(heading); }

  // Adds one flag, `--name=VALUE` or `--name VALUE`. A bool is a switch: `--name` alone makes it
  // true. A std::optional stays empty if the flag is not given.
  template <typename T>
  void Add(absl::string_view name, absl::string_view value, absl::string_view help, T* target) {
    Add({std::string(name), std::string(value), std::string(help), "", std::is_same_v<T, bool>,
         [target](const std::string& text) { return ParseInto(text, target); }});
  }

  // Adds a flag that may be repeated: each use adds one value, which may contain commas.
  void Add(absl::string_view name, absl::string_view value, absl::string_view help,
           std::vector<std::string>* target);

  // Adds a flag for comma-separated token ids. It may be repeated: each use adds its ids.
  void Add(absl::string_view name, absl::string_view value, absl::string_view help,
           std::vector<std::uint32_t>* target);

  // Adds a flag that is read by its own `set`.
  void Add(Flag flag) {
    flag.heading = std::exchange(heading_, "");
    flags_.push_back(std::move(flag));
  }

  // Sets the targets and returns the other arguments in order. "--" ends the flags; "-" alone is an
  // argument. A name may be written with dashes for its underscores. INVALID_ARGUMENT, in words for
  // the user, for an unknown flag (with the one that is written most alike), a missing value or one
  // that does not parse.
  absl::StatusOr<std::vector<std::string>> Parse(std::span<const std::string> args) const;

  // Returns a line of help for each flag, in the order in which they were added, and each group's
  // heading before its first.
  std::string Help() const;

  // "; is it --seed?" for a name that no flag has and that is like that flag's, with `prefix` in
  // the place of the dashes; empty if no flag's is like it.
  std::string SuggestionFor(absl::string_view name, absl::string_view prefix) const;

  // In the order in which they were added.
  const std::vector<Flag>& all() const { return flags_; }

 private:
  const Flag* Find(absl::string_view name) const;

  template <typename T>
  static absl::Status ParseInto(const std::string& text, T* target) {
    std::string error;
    if (absl::ParseFlag<T>(text, target, &error)) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" is not a valid value", error.empty() ? "" : ": ", error));
  }

  // A number without a unit is seconds.
  static absl::Status ParseInto(const std::string& text, absl::Duration* target);

  template <typename T>
  static absl::Status ParseInto(const std::string& text, std::optional<T>* target) {
    T value{};
    absl::Status status = ParseInto(text, &value);
    if (status.ok()) *target = value;
    return status;
  }

  std::string heading_;  // of the group that begins with the next flag
  std::vector<Flag> flags_;
};

// Parses token ids separated by commas, spaces or both. INVALID_ARGUMENT names the first word that
// is not a token id.
absl::StatusOr<std::vector<std::uint32_t>> ParseTokenIds(absl::string_view text);

}  // namespace cascade::cli
