// SPDX-License-Identifier: Apache-2.0

#include <cstdio>
#include <memory>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tools/cascade/commands.h"
#include "tools/cascade/interrupt.h"
#include "tools/cascade/repl/line_reader.h"
#include "tools/cascade/repl/session.h"
#include "tools/cascade/repl/settings.h"
#include "tools/cascade/text.h"

namespace cascade::cli {
namespace {

constexpr absl::string_view kDetails = R"(
Type a prompt, and see how the model continues it; then the next. /help tells the commands:
they go on from the last text, try again with another seed, and change the settings, which are the
flags below without their dashes. Ctrl-C cancels an answer, Ctrl-D ends.

On a terminal a line can be edited, and earlier ones are kept, for you alone, in
$XDG_STATE_HOME/cascade/history (else ~/.local/state/cascade/history); keys are in ~/.editrc. Where
the input is no terminal, each of its lines is taken as if it were typed, and the exit status tells
whether all went well.

  cascade repl
  cascade repl --temperature=0.7 --max_new_tokens=100
  printf 'Once upon a time\n/continue\n' | cascade repl --seed=7
)";

class ReplCommand : public Command {
 public:
  Description description() const override {
    return {.name = "repl",
            .arguments = "",
            .summary = "Continues prompts as you type them.",
            .details = kDetails,
            .timeout = kGenerationTimeout};
  }

  void AddFlags(Flags& flags) override { settings_.AddTo(flags); }

  ExitCode Run(const std::vector<std::string>& arguments, const CallOptions& options,
               Console& console) override {
    if (!arguments.empty()) {
      return UsageError("takes no TEXT: type it at the prompt", console);
    }
    // Before gRPC has threads, which must not take the signals.
    const BlockedSignals blocked;
    Connection connection(options);
    if (!Greet(options, connection, console)) return ExitCode::kFailed;
    const bool is_interactive = console.in_is_terminal && console.out_is_terminal;
    const std::unique_ptr<LineReader> reader =
        is_interactive ? MakeLineEditor(stdin, stdout, HistoryFile()) : MakePlainReader(console.in);
    Session session(settings_, options, connection, console);
    while (!session.ended()) {
      const std::optional<std::string> text = Read(*reader, blocked, is_interactive);
      if (!text) {
        if (is_interactive) console.out << '\n';
        break;
      }
      session.Handle(*text);
    }
    // Who typed has seen what failed.
    return is_interactive ? ExitCode::kOk : session.result();
  }

 private:
  // The model's name, which shows that the server answers. False, and told, if it does not.
  static bool Greet(const CallOptions& options, Connection& connection, Console& console) {
    grpc::ClientContext context;
    connection.SetDeadline(context);
    v1::GetModelResponse model;
    const grpc::Status status = connection.text_generation().GetModel(&context, {}, &model);
    if (!status.ok()) {
      console.Complain(connection.Explain(status));
      return false;
    }
    console.err << Printable(absl::StrCat(model.name(), " at ", options.server,
                                          "; /help tells the commands, Ctrl-D ends\n"))
                << std::flush;
    return true;
  }

  // A signal ends the process while it waits for a line; but Ctrl-C is a key of the editor's, and
  // one that came too late for an answer, or too early for the editor, must end nothing.
  static std::optional<std::string> Read(LineReader& reader, const BlockedSignals& blocked,
                                         bool is_interactive) {
    const BlockedSignals::Pause pause(blocked, /*forgets_interrupts=*/is_interactive);
    return reader.Read();
  }

  Settings settings_;
};

}  // namespace

std::unique_ptr<Command> MakeReplCommand() { return std::make_unique<ReplCommand>(); }

}  // namespace cascade::cli
