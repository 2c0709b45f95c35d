// SPDX-License-Identifier: Apache-2.0

#include "server/command_line.h"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/reflection.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "server/flags.h"
#include "spelling/suggestion.h"

namespace cascade::server {
namespace {

absl::Status NoSuchFlag(absl::string_view name) {
  const std::string suggestion = Suggestion(name, FlagNames(), "--");
  return absl::InvalidArgumentError(absl::StrCat("there is no flag --", name, suggestion,
                                                 suggestion.empty() ? "; " : " ",
                                                 "`cascade-server --help` explains every flag"));
}

// A flag as it was written.
struct Given {
  absl::string_view dashes;
  std::string name;
  std::string value;  // with its "="
};

Given Split(absl::string_view argument) {
  Given given;
  given.dashes = argument.substr(0, absl::StartsWith(argument, "--") ? 2 : 1);
  argument.remove_prefix(given.dashes.size());
  const std::size_t equals = std::min(argument.find('='), argument.size());
  given.name = absl::StrReplaceAll(argument.substr(0, equals), {{"-", "_"}});
  given.value = std::string(argument.substr(equals));
  return given;
}

absl::Status CheckSwitch(absl::string_view name, absl::string_view value) {
  constexpr absl::string_view kWords[] = {"true",  "t", "yes", "y", "1",
                                          "false", "f", "no",  "n", "0"};
  for (const absl::string_view word : kWords) {
    if (absl::EqualsIgnoreCase(value, word)) return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("--", name, "=", value, ": must be true or false"));
}

// The switch that --nospeculate and --no_speculate turn off; null if `name` is no such word.
const absl::CommandLineFlag* FindNegated(absl::string_view name) {
  if (!absl::ConsumePrefix(&name, "no")) return nullptr;
  absl::ConsumePrefix(&name, "_");
  const absl::CommandLineFlag* flag = absl::FindCommandLineFlag(name);
  return flag != nullptr && flag->IsOfType<bool>() ? flag : nullptr;
}

// Completes the flag's name. Whether it takes the next argument as its value; an error if there is
// no such flag.
absl::StatusOr<bool> Resolve(Given& given) {
  if (given.name == "version") return false;  // Abseil's, and in no list of its flags
  const bool has_value = !given.value.empty();
  if (const absl::CommandLineFlag* flag = absl::FindCommandLineFlag(given.name)) {
    if (!flag->IsOfType<bool>()) return !has_value;
    if (!has_value) return false;
    absl::Status status = CheckSwitch(given.name, absl::string_view(given.value).substr(1));
    return status.ok() ? absl::StatusOr<bool>(false) : status;
  }
  const absl::CommandLineFlag* const negated = FindNegated(given.name);
  if (negated == nullptr || has_value) return NoSuchFlag(given.name);
  given.name = absl::StrCat("no", negated->Name());
  return false;
}

bool IsFlag(absl::string_view word) { return word.size() > 1 && word.front() == '-'; }

// Puts arguments together, with the lines of each --flagfile in its place: Abseil would read the
// files too, but says in its own words what is wrong with them, and ends the process.
class ArgumentList {
 public:
  explicit ArgumentList(std::string program) : arguments_{std::move(program)} {}

  // Appends every argument behind the program's name.
  absl::Status AppendCommandLine(int argc, const char* const* argv) {
    int i = 1;
    for (; i < argc && absl::string_view(argv[i]) != "--"; ++i) {
      if (!IsFlag(argv[i])) {
        arguments_.emplace_back(argv[i]);
        continue;
      }
      const char* const after = i + 1 < argc ? argv[i + 1] : nullptr;
      const char* next = after;
      if (absl::Status status = AppendFlag(argv[i], next); !status.ok()) return status;
      if (next != after) ++i;
    }
    for (; i < argc; ++i) arguments_.emplace_back(argv[i]);
    return absl::OkStatus();
  }

  // Appends the flags of the files `paths`, with commas between them.
  absl::Status AppendFiles(absl::string_view paths) {
    has_files_ = true;
    for (const absl::string_view path : absl::StrSplit(paths, ',', absl::SkipEmpty())) {
      if (std::count(open_files_.begin(), open_files_.end(), path) > 0) {
        return absl::InvalidArgumentError(absl::StrCat("--flagfile=", path, ": reads itself"));
      }
      open_files_.emplace_back(path);
      absl::Status status = AppendFile(path);
      open_files_.pop_back();
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  // Whether there was a --flagfile.
  bool has_files() const { return has_files_; }

  std::vector<std::string> Take() && { return std::move(arguments_); }

 private:
  // Appends the flag `word`. One that takes a value and has none takes `*next`, and leaves `next`
  // null.
  absl::Status AppendFlag(absl::string_view word, const char*& next) {
    Given given = Split(word);
    const absl::StatusOr<bool> takes_next = Resolve(given);
    if (!takes_next.ok()) return takes_next.status();
    if (*takes_next) {
      if (next == nullptr) {
        return absl::InvalidArgumentError(
            absl::StrCat("--", given.name, ": needs a value, as in --", given.name, "=VALUE"));
      }
      given.value = absl::StrCat("=", std::exchange(next, nullptr));
    }
    const absl::string_view value = absl::StripPrefix(given.value, "=");
    if (given.name == "flagfile") return AppendFiles(value);
    if (given.name == "fromenv") return AppendVariables(value, /*required=*/true);
    if (given.name == "tryfromenv") return AppendVariables(value, /*required=*/false);
    arguments_.push_back(absl::StrCat(given.dashes, given.name, given.value));
    return absl::OkStatus();
  }

  // Abseil's --fromenv, and --tryfromenv, which requires nothing: appends the flags that `names`
  // names, with the values of FLAGS_<NAME> in the environment.
  absl::Status AppendVariables(absl::string_view names, bool required) {
    for (const absl::string_view name : absl::StrSplit(names, ',', absl::SkipEmpty())) {
      if (absl::EndsWith(name, "fromenv")) {  // whose value could name itself
        return absl::InvalidArgumentError(
            absl::StrCat("--", name, ": is for the command line and files alone"));
      }
      const std::string variable = absl::StrCat("FLAGS_", name);
      // No other thread yet.  NOLINTNEXTLINE(concurrency-mt-unsafe)
      const char* const value = std::getenv(variable.c_str());
      if (value == nullptr && required) {
        return absl::InvalidArgumentError(
            absl::StrCat("--fromenv=", name, ": there is no ", variable, " in the environment"));
      }
      if (value == nullptr) continue;
      const char* next = nullptr;
      absl::Status status = AppendFlag(absl::StrCat("--", name, "=", value), next);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status AppendFile(absl::string_view path) {
    std::ifstream file{std::string(path)};
    std::string line;
    for (std::size_t number = 1; std::getline(file, line); ++number) {
      absl::Status status = AppendLine(absl::StripAsciiWhitespace(line));
      if (status.ok()) continue;
      return absl::InvalidArgumentError(absl::StrCat(path, ":", number, ": ", status.message()));
    }
    if (file.is_open() && !file.bad()) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat("--flagfile=", path, ": cannot be read"));
  }

  absl::Status AppendLine(absl::string_view line) {
    if (absl::StrContains(line, '\0')) {  // would end the flag for Abseil, as in UTF-16
      return absl::InvalidArgumentError("a null byte: a file of flags is text in UTF-8");
    }
    if (line.empty() || line.front() == '#') return absl::OkStatus();
    if (!IsFlag(line) || line == "--") {
      // Escaped, since a byte order mark would not be seen.
      return absl::InvalidArgumentError(
          absl::StrCat("unexpected line '", absl::CHexEscape(line), "': flags are --name=value"));
    }
    const char* next = nullptr;  // a flag and its value are on one line
    return AppendFlag(line, next);
  }

  std::vector<std::string> arguments_;
  bool has_files_ = false;
  std::vector<std::string> open_files_;  // each read by a line of the one before
};

}  // namespace

absl::StatusOr<std::vector<std::string>> ReadArguments(int argc, const char* const* argv) {
  ArgumentList list(argv[0]);
  if (absl::Status status = list.AppendCommandLine(argc, argv); !status.ok()) return status;
  // No other thread yet.  NOLINTNEXTLINE(concurrency-mt-unsafe)
  const char* const files = std::getenv("CASCADE_FLAGFILE");
  if (files == nullptr || list.has_files()) return std::move(list).Take();
  // Before the command line's own flags, which count more. These are read a second time for it.
  ArgumentList longer(argv[0]);
  if (const absl::Status status = longer.AppendFiles(files); !status.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("CASCADE_FLAGFILE: ", status.message()));
  }
  if (absl::Status status = longer.AppendCommandLine(argc, argv); !status.ok()) return status;
  return std::move(longer).Take();
}

bool WantsHelp(int argc, const char* const* argv) {
  for (int i = 1; i < argc; ++i) {
    const absl::string_view argument = argv[i];
    if (argument == "--") return false;
    // Abseil's own --helpfull and its kin print the same flags less legibly.
    if (absl::StartsWith(argument, "--help") || argument == "-help" || argument == "-h") {
      return true;
    }
  }
  return false;
}

}  // namespace cascade::server
