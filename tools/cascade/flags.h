// The flags of one subcommand: what it takes, what they mean, and what was given.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/flags/marshalling.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace cascade::cli {

// Values are read by Abseil's flag parsers ("0.8", "true", "1m30s"). The process-wide ABSL_FLAG
// does not serve here: subcommands own different flags, and a flag may be given twice (--stop).
//
// Targets are borrowed and must outlive the parse; they hold the default before it. Not
// thread-safe.
class Flags {
 public:
  // One flag, `--name=VALUE` or `--name VALUE`. A bool is a switch: `--name` alone makes it true.
  // A std::optional stays empty if the flag is not given.
  template <typename T>
  void Add(absl::string_view name, absl::string_view value, absl::string_view help, T* target) {
    Add({std::string(name), std::string(value), std::string(help), std::is_same_v<T, bool>,
         [target](const std::string& text) { return ParseInto(text, target); }});
  }

  // May be given several times: each adds one value, commas and all.
  void Add(absl::string_view name, absl::string_view value, absl::string_view help,
           std::vector<std::string>* target);

  // Token ids with commas between them; given again, it adds more.
  void Add(absl::string_view name, absl::string_view value, absl::string_view help,
           std::vector<std::uint32_t>* target);

  // Sets the targets and returns what is not a flag, in order. "--" ends the flags; "-" alone is no
  // flag. A name may be written with dashes for its underscores. INVALID_ARGUMENT, in words for the
  // user, for an unknown flag, a missing value or one that does not parse.
  absl::StatusOr<std::vector<std::string>> Parse(std::span<const std::string> args) const;

  // One line or more for each flag, in the order of Add.
  std::string Help() const;

 private:
  struct Flag {
    std::string name;
    std::string value;  // how help calls it; empty for a switch
    std::string help;
    bool is_switch;
    std::function<absl::Status(const std::string&)> set;
  };

  void Add(Flag flag) { flags_.push_back(std::move(flag)); }
  const Flag* Find(absl::string_view name) const;

  template <typename T>
  static absl::Status ParseInto(const std::string& text, T* target) {
    std::string error;
    if (absl::ParseFlag<T>(text, target, &error)) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" does not read as a value", error.empty() ? "" : ": ", error));
  }

  template <typename T>
  static absl::Status ParseInto(const std::string& text, std::optional<T>* target) {
    T value{};
    absl::Status status = ParseInto(text, &value);
    if (status.ok()) *target = value;
    return status;
  }

  std::vector<Flag> flags_;
};

// Token ids, with commas, spaces or both between them. INVALID_ARGUMENT names the first that is
// none.
absl::StatusOr<std::vector<std::uint32_t>> ParseTokenIds(absl::string_view text);

}  // namespace cascade::cli
