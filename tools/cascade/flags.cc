// SPDX-License-Identifier: Apache-2.0

#include "tools/cascade/flags.h"

#include <cmath>
#include <cstddef>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "spelling/suggestion.h"

namespace cascade::cli {
namespace {

// An argument that starts with "-" is a flag, but "-" alone is standard input.
bool LooksLikeFlag(absl::string_view arg) { return arg.size() > 1 && arg.front() == '-'; }

struct NameAndValue {
  std::string name;
  std::optional<std::string> value;
};

NameAndValue SplitFlag(absl::string_view arg) {
  arg.remove_prefix(arg.substr(0, 2) == "--" ? 2 : 1);
  const std::size_t equals = arg.find('=');
  NameAndValue flag;
  flag.name = absl::StrReplaceAll(arg.substr(0, equals), {{"-", "_"}});
  if (equals != absl::string_view::npos) flag.value = std::string(arg.substr(equals + 1));
  return flag;
}

}  // namespace

absl::StatusOr<std::vector<std::uint32_t>> ParseTokenIds(absl::string_view text) {
  std::vector<std::uint32_t> ids;
  for (absl::string_view word :
       absl::StrSplit(text, absl::ByAnyChar(", \n\t"), absl::SkipEmpty())) {
    std::uint32_t id = 0;
    if (!absl::SimpleAtoi(word, &id)) {
      return absl::InvalidArgumentError(absl::StrCat("\"", word, "\" is not a token id"));
    }
    ids.push_back(id);
  }
  return ids;
}

void Flags::Add(absl::string_view name, absl::string_view value, absl::string_view help,
                std::vector<std::string>* target) {
  Add({std::string(name), std::string(value), std::string(help), "", false,
       [target](const std::string& text) {
         target->push_back(text);
         return absl::OkStatus();
       },
       true});
}

void Flags::Add(absl::string_view name, absl::string_view value, absl::string_view help,
                std::vector<std::uint32_t>* target) {
  Add({std::string(name), std::string(value), std::string(help), "", false,
       [target](const std::string& text) {
         absl::StatusOr<std::vector<std::uint32_t>> ids = ParseTokenIds(text);
         if (ids.ok()) target->insert(target->end(), ids->begin(), ids->end());
         return ids.status();
       },
       true});
}

const Flags::Flag* Flags::Find(absl::string_view name) const {
  for (const Flag& flag : flags_) {
    if (flag.name == name) return &flag;
  }
  return nullptr;
}

std::string Flags::SuggestionFor(absl::string_view name, absl::string_view prefix) const {
  std::vector<std::string> names;
  for (const Flag& flag : flags_) names.push_back(flag.name);
  return Suggestion(name, names, prefix);
}

absl::StatusOr<std::vector<std::string>> Flags::Parse(std::span<const std::string> args) const {
  std::vector<std::string> positional;
  for (std::size_t i = 0; i < args.size(); ++i) {
    if (args[i] == "--") {
      positional.insert(positional.end(), args.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                        args.end());
      break;
    }
    if (!LooksLikeFlag(args[i])) {
      positional.push_back(args[i]);
      continue;
    }
    NameAndValue given = SplitFlag(args[i]);
    const Flag* flag = Find(given.name);
    if (flag == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("there is no flag --", given.name, SuggestionFor(given.name, "--")));
    }
    if (!given.value && flag->is_switch) given.value = "true";
    if (!given.value && ++i < args.size()) given.value = args[i];
    if (!given.value) {
      return absl::InvalidArgumentError(absl::StrCat("--", flag->name, " needs a value"));
    }
    if (absl::Status status = flag->set(*given.value); !status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("--", flag->name, ": ", status.message()));
    }
  }
  return positional;
}

std::string Flags::Help() const {
  std::string help;
  for (const Flag& flag : flags_) {
    if (!flag.heading.empty()) {
      absl::StrAppend(&help, help.empty() ? "" : "\n", flag.heading, ":\n");
    }
    const std::string form = flag.is_switch ? absl::StrCat("--", flag.name)
                                            : absl::StrCat("--", flag.name, "=", flag.value);
    absl::StrAppendFormat(&help, "  %-26s  %s\n", form, flag.help);
  }
  return help;
}

absl::Status Flags::ParseInto(const std::string& text, absl::Duration* target) {
  double seconds = 0;
  // SimpleAtod reads hexadecimal digits too.
  const bool decimal = text.find_first_of("xX") == std::string::npos;
  if (decimal && absl::SimpleAtod(text, &seconds) && std::isfinite(seconds)) {
    *target = absl::Seconds(seconds);
    return absl::OkStatus();
  }
  if (absl::ParseDuration(text, target)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", text, "\" is not a time: seconds, or with a unit such as 500ms, 2s or 1m"));
}

}  // namespace cascade::cli
