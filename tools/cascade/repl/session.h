// SPDX-License-Identifier: Apache-2.0
// What happens between the lines of `cascade repl`.
#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "tools/cascade/connection.h"
#include "tools/cascade/console.h"
#include "tools/cascade/exit_code.h"
#include "tools/cascade/repl/settings.h"

namespace cascade::cli {

// Answers texts and obeys commands. Results and errors are written to the console, each error as
// one line, and none ends the session.
class Session {
 public:
  // Borrows all three.
  Session(Settings& settings, const CallOptions& options, Connection& connection, Console& console)
      : settings_(settings), options_(options), connection_(connection), console_(console) {}

  // A text is a prompt, unless it begins with a slash. Nothing happens for an empty one.
  void Handle(const std::string& text);

  // True after /quit, and when a signal has asked the process to end.
  bool ended() const { return ended_; }

  // kFailed if anything of the session did.
  ExitCode result() const { return result_; }

 private:
  struct Order;  // a command
  static const Order kOrders[];

  void Obey(absl::string_view line);
  void Help(const std::string& topic);
  void Set(const std::string& argument);
  void Unset(const std::string& argument);
  void Show(const std::string& argument);
  void Reset(const std::string& argument);
  void Continue(const std::string& argument);
  void Retry(const std::string& argument);
  void Save(const std::string& argument);
  void Quit(const std::string& argument);

  // Asks for an answer to `prompt`. `other_seed`: not that of the settings.
  void Generate(const std::string& prompt, bool continues, bool other_seed);

  void Complain(absl::string_view message);

  Settings& settings_;
  const CallOptions& options_;
  Connection& connection_;
  Console& console_;

  struct Exchange {
    std::string prompt;
    bool continues = false;  // the prompt is the text before it
    std::string answer;      // of the first choice; what there is, if the call was cancelled
  };
  std::optional<Exchange> last_;
  bool ended_ = false;
  ExitCode result_ = ExitCode::kOk;
};

}  // namespace cascade::cli
