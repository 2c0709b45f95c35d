// SPDX-License-Identifier: Apache-2.0
// Scripts with which a shell completes the command line. Each is a plain list of the subcommands
// and their flags, so that completing asks no server and runs no program.

#include <cstddef>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "tools/cascade/commands.h"

namespace cascade::cli {
namespace {

constexpr absl::string_view kDetails = R"(
Prints a script that completes subcommands and flags in SHELL: bash, zsh or fish. An installed
package has put it in place; otherwise:

  source <(cascade completion bash)                                    # in ~/.bashrc
  source <(cascade completion zsh)                                     # in ~/.zshrc, after compinit
  cascade completion fish > ~/.config/fish/completions/cascade.fish
)";

// A subcommand as the scripts need it.
struct Entry {
  Command::Description about;
  std::vector<Flags::Flag> flags;
};

std::vector<Entry> Entries(const Commands& commands) {
  std::vector<Entry> entries;
  for (const auto& command : commands) {
    CommonValues values;
    entries.push_back({command->description(), FlagsOf(*command, values).all()});
  }
  return entries;
}

bool TakesPath(absl::string_view placeholder) {
  return placeholder == "FILE" || placeholder == "FOLDER";
}

// In single quotes, for a shell in which a quote inside them is '\''.
std::string ShellQuoted(absl::string_view text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", R"('\'')"}}), "'");
}

// ---- bash

std::string BashWords(const Entry& entry) {
  return absl::StrJoin(entry.flags, " ", [](std::string* out, const Flags::Flag& flag) {
    absl::StrAppend(out, "--", flag.name, flag.is_switch ? "" : "=");
  });
}

std::string BashScript(const std::vector<Entry>& entries) {
  std::string names;
  std::string cases;
  for (const Entry& entry : entries) {
    absl::StrAppend(&names, entry.about.name, " ");
    absl::StrAppend(&cases, "    ", entry.about.name, ") words='", BashWords(entry), "' ;;\n");
  }
  // Where nothing matches, a file name is completed (-o default). A flag that takes a value ends
  // in "=", and no space follows.
  return absl::StrCat("# bash completion of cascade, from `cascade completion bash`.\n",
                      R"(_cascade() {
  local word=${COMP_WORDS[COMP_CWORD]} words=
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    words=')",
                      names, R"(help --help --version'
  elif [[ $word == -* ]]; then
    case ${COMP_WORDS[1]} in
)",
                      cases, R"(    esac
  fi
  [ -n "$words" ] || return 0
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
  [[ ${COMPREPLY[0]} != *= ]] || compopt -o nospace 2> /dev/null || true
}
complete -o default -F _cascade cascade
)");
}

// ---- zsh

// In _arguments and _describe, brackets and colons have a meaning.
std::string ZshText(absl::string_view text) {
  return absl::StrReplaceAll(text,
                             {{"\\", R"(\\)"}, {"[", R"(\[)"}, {"]", R"(\])"}, {":", R"(\:)"}});
}

std::string ZshFlag(const Flags::Flag& flag) {
  const std::string name = absl::StrCat("--", flag.name);
  const std::string help = absl::StrCat("[", ZshText(flag.help), "]");
  if (flag.is_switch) return ShellQuoted(absl::StrCat("*", name, help));
  return ShellQuoted(absl::StrCat("*", name, "=", help, ":", ZshText(flag.value), ":",
                                  TakesPath(flag.value) ? "_files" : ""));
}

std::string ZshScript(const std::vector<Entry>& entries) {
  std::string names;
  std::string cases;
  for (const Entry& entry : entries) {
    absl::StrAppend(&names, "      ",
                    ShellQuoted(absl::StrCat(entry.about.name, ":", ZshText(entry.about.summary))),
                    "\n");
    absl::StrAppend(&cases, "    ", entry.about.name, ")\n      _arguments");
    for (const Flags::Flag& flag : entry.flags) {
      absl::StrAppend(&cases, " \\\n        ", ZshFlag(flag));
    }
    absl::StrAppend(&cases, " \\\n        '*:argument:_files' ;;\n");
  }
  return absl::StrCat(R"(#compdef cascade
# zsh completion of cascade, from `cascade completion zsh`.
_cascade() {
  if (( CURRENT == 2 )); then
    local -a commands
    commands=(
)",
                      names, R"(    )
    _describe command commands
    return
  fi
  shift words
  (( CURRENT-- ))
  case $words[1] in
)",
                      cases, R"(  esac
}
# Loaded as a file of $fpath, it is called at once; sourced, it is registered.
if [[ $funcstack[1] == _cascade ]]; then
  _cascade "$@"
else
  compdef _cascade cascade
fi
)");
}

// ---- fish

// In fish's single quotes, a backslash escapes a quote and itself.
std::string FishQuoted(absl::string_view text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"\\", R"(\\)"}, {"'", R"(\')"}}), "'");
}

std::string FishScript(const std::vector<Entry>& entries) {
  std::string script = "# fish completion of cascade, from `cascade completion fish`.\n";
  for (const Entry& entry : entries) {
    absl::StrAppend(&script, "complete -c cascade -n __fish_use_subcommand -f -a ",
                    entry.about.name, " -d ", FishQuoted(entry.about.summary), "\n");
    for (const Flags::Flag& flag : entry.flags) {
      absl::StrAppend(&script, "complete -c cascade -n '__fish_seen_subcommand_from ",
                      entry.about.name, "' -l ", flag.name,
                      flag.is_switch          ? ""
                      : TakesPath(flag.value) ? " -r"
                                              : " -x",
                      " -d ", FishQuoted(flag.help), "\n");
    }
  }
  return script;
}

struct Shell {
  absl::string_view name;
  std::string (*script)(const std::vector<Entry>& entries);
};
constexpr Shell kShells[] = {{"bash", BashScript}, {"zsh", ZshScript}, {"fish", FishScript}};

class CompletionCommand : public Command {
 public:
  explicit CompletionCommand(const Commands& commands) : commands_(commands) {}

  Description description() const override {
    return {.name = "completion",
            .arguments = "SHELL",
            .summary = "Prints a script that completes this command line in a shell.",
            .details = kDetails,
            .calls_server = false};
  }

  void AddFlags(Flags& /*flags*/) override {}

  ExitCode Run(const std::vector<std::string>& arguments, const CallOptions& /*options*/,
               Console& console) override {
    if (arguments.size() != 1) return UsageError("needs one SHELL: bash, zsh or fish", console);
    for (const Shell& shell : kShells) {
      if (shell.name != arguments[0]) continue;
      console.Write(shell.script(Entries(commands_)));
      return ExitCode::kOk;
    }
    return UsageError(
        absl::StrCat("\"", arguments[0], "\" is not a SHELL it knows: bash, zsh or fish"), console);
  }

 private:
  const Commands& commands_;
};

}  // namespace

std::unique_ptr<Command> MakeCompletionCommand(const Commands& commands) {
  return std::make_unique<CompletionCommand>(commands);
}

}  // namespace cascade::cli
