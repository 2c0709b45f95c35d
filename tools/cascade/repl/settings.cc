// SPDX-License-Identifier: Apache-2.0

#include "tools/cascade/repl/settings.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "tools/cascade/generation_flags.h"
#include "tools/cascade/text.h"

namespace cascade::cli {
namespace {

// A message of Flags, in which a flag begins with dashes.
absl::Status WithoutDashes(const absl::Status& status) {
  return absl::InvalidArgumentError(absl::StripPrefix(status.message(), "--"));
}

absl::StatusOr<Flags::Flag> FindFlag(const std::string& name) {
  GenerationFlags generation;
  Flags flags;
  generation.AddTo(flags);
  const std::string underscored = absl::StrReplaceAll(absl::StripPrefix(name, "--"), {{"-", "_"}});
  for (const Flags::Flag& flag : flags.all()) {
    if (flag.name == underscored) return flag;
  }
  const std::string suggestion = flags.SuggestionFor(underscored, "");
  return absl::InvalidArgumentError(absl::StrCat("there is no setting ", Quoted(name), suggestion,
                                                 suggestion.empty() ? ": " : " ",
                                                 "`/help settings` tells them"));
}

}  // namespace

void Settings::AddTo(Flags& flags) {
  GenerationFlags generation;
  Flags known;
  generation.AddTo(known);
  for (Flags::Flag flag : known.all()) {
    if (!flag.heading.empty()) flags.BeginGroup(flag.heading);
    flag.set = [this, name = flag.name](const std::string& value) {
      const absl::Status status = Set(name, value);
      // The caller names the flag, too.
      return status.ok() ? status
                         : absl::InvalidArgumentError(
                               absl::StripPrefix(status.message(), absl::StrCat(name, ": ")));
    };
    flags.Add(flag);
  }
}

absl::Status Settings::Set(const std::string& name, const std::string& value) {
  const absl::StatusOr<Flags::Flag> flag = FindFlag(name);
  if (!flag.ok()) return flag.status();
  if (value.empty() && !flag->is_switch) {
    return absl::InvalidArgumentError(absl::StrCat(flag->name, " needs a value: ", flag->value));
  }
  Values changed = values_;
  if (!flag->repeats) std::erase_if(changed, [&](const auto& v) { return v.first == flag->name; });
  changed.emplace_back(flag->name, value.empty() ? "true" : value);
  const absl::StatusOr<v1::GenerateRequest> request = RequestOf(changed);
  if (!request.ok()) return request.status();
  values_ = std::move(changed);
  return absl::OkStatus();
}

absl::Status Settings::Unset(const std::string& name) {
  const absl::StatusOr<Flags::Flag> flag = FindFlag(name);
  if (!flag.ok()) return flag.status();
  const std::size_t erased =
      std::erase_if(values_, [&](const auto& v) { return v.first == flag->name; });
  if (erased > 0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(flag->name, " is not set: `/show` tells what is"));
}

absl::StatusOr<v1::GenerateRequest> Settings::Request() const { return RequestOf(values_); }

absl::StatusOr<v1::GenerateRequest> Settings::RequestOf(const Values& values) {
  GenerationFlags generation;
  Flags flags;
  generation.AddTo(flags);
  std::vector<std::string> args;
  for (const auto& [name, value] : values) args.push_back(absl::StrCat("--", name, "=", value));
  const absl::StatusOr<std::vector<std::string>> rest = flags.Parse(args);
  if (!rest.ok()) return WithoutDashes(rest.status());
  v1::GenerateRequest request;
  if (absl::Status status = generation.Fill(request); !status.ok()) return WithoutDashes(status);
  return request;
}

std::string Settings::Show() const {
  std::string table;
  for (const auto& [name, value] : values_) absl::StrAppend(&table, name, " ", value, "\n");
  return table.empty() ? "nothing is set: the model's defaults hold\n" : table;
}

std::string SettingsHelp() {
  GenerationFlags generation;
  Flags flags;
  generation.AddTo(flags);
  return absl::StrReplaceAll(flags.Help(), {{"  --", "  "}});
}

}  // namespace cascade::cli
