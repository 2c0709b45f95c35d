// SPDX-License-Identifier: Apache-2.0

#include "tools/cascade/repl/session.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "tools/cascade/event_printer.h"
#include "tools/cascade/generation_call.h"
#include "tools/cascade/text.h"

namespace cascade::cli {
namespace {

// Keeps the first choice's text on its way to another printer, and how much of the prompt was
// dropped.
class KeepingPrinter : public EventPrinter {
 public:
  KeepingPrinter(std::unique_ptr<EventPrinter> printer, std::string& text)
      : printer_(std::move(printer)), text_(text) {}

  void Print(const v1::GenerateEvent& event) override {
    if (event.has_prompt()) dropped_tokens_ = event.prompt().truncated_tokens();
    if (event.has_delta() && event.delta().index() == 0) text_ += event.delta().text();
    printer_->Print(event);
  }

  void End() override { printer_->End(); }

  std::uint32_t dropped_tokens() const { return dropped_tokens_; }

 private:
  const std::unique_ptr<EventPrinter> printer_;
  std::string& text_;
  std::uint32_t dropped_tokens_ = 0;
};

// Creates `path`. An empty string, or why that cannot be.
std::string Create(const std::string& path, absl::string_view text) {
  const auto error = [&path] {
    if (errno == EEXIST) return absl::StrCat(Quoted(path), " is there already: name a new file");
    return absl::StrCat(Quoted(path),
                        " cannot be written: ", std::generic_category().message(errno));
  };
  std::FILE* const file = std::fopen(path.c_str(), "wxe");
  if (file == nullptr) return error();
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  // What is buffered may fail to be written when the file is closed.
  return std::fclose(file) == 0 && written ? "" : error();
}

}  // namespace

struct Session::Order {
  absl::string_view name;
  absl::string_view argument;  // empty: it takes none
  bool needs_argument;
  absl::string_view help;
  void (Session::*obey)(const std::string& argument);
};

const Session::Order Session::kOrders[] = {
    {"continue", "", false, "go on from the last text, or from its end if it is long",
     &Session::Continue},
    {"retry", "", false, "answer the last prompt again, with another seed", &Session::Retry},
    {"set", "NAME VALUE", true, "change a setting, such as /set temperature 0.7", &Session::Set},
    {"unset", "NAME", true, "back to the model's default", &Session::Unset},
    {"reset", "", false, "all settings back to the model's defaults", &Session::Reset},
    {"show", "", false, "tell the settings", &Session::Show},
    {"save", "FILE", true, "write the last prompt and its answer to a new file", &Session::Save},
    {"help", "[settings]", false, "tell the commands, or what can be set", &Session::Help},
    {"quit", "", false, "end, as Ctrl-D does", &Session::Quit},
};

void Session::Handle(const std::string& text) {
  if (text.empty()) return;
  if (text.size() > kMaxTextBytes) {
    return Complain(absl::StrCat("the text has more than ", kMaxTextBytes,
                                 " bytes, the longest that a server takes"));
  }
  if (!IsUtf8(text)) return Complain("the text is not UTF-8");
  if (text.front() != '/') return Generate(text, /*continues=*/false, /*other_seed=*/false);
  const absl::string_view after_slash = absl::string_view(text).substr(1);
  if (!after_slash.empty() && after_slash.front() == '/') {
    return Generate(std::string(after_slash), /*continues=*/false, /*other_seed=*/false);
  }
  Obey(after_slash);
}

void Session::Obey(absl::string_view line) {
  const std::size_t end = std::min(line.find_first_of(" \t\n"), line.size());
  const absl::string_view name = line.substr(0, end);
  const std::string argument(absl::StripAsciiWhitespace(line.substr(end)));
  for (const Order& order : kOrders) {
    if (order.name != name) continue;
    if (argument.empty() && order.needs_argument) {
      return Complain(absl::StrCat("it is /", order.name, " ", order.argument));
    }
    if (!argument.empty() && order.argument.empty()) {
      return Complain(absl::StrCat("/", order.name, " stands alone, without ", Quoted(argument)));
    }
    return (this->*order.obey)(argument);
  }
  Complain(absl::StrCat("there is no command /", name,
                        ": /help tells them; a prompt with a slash in front begins with //"));
}

void Session::Help(const std::string& topic) {
  if (topic == "settings") return console_.Write(SettingsHelp());
  if (!topic.empty()) {
    return Complain(absl::StrCat("it is /help or /help settings, not ", Quoted(topic)));
  }
  std::string help;
  for (const Order& order : kOrders) {
    const std::string form =
        absl::StrCat("/", order.name, order.argument.empty() ? "" : " ", order.argument);
    absl::StrAppendFormat(&help, "  %-18s %s\n", form, order.help);
  }
  console_.Write(absl::StrCat(
      "A line is a prompt, and what follows it is the model's. One that ends with a backslash goes "
      "on\nin the next. Ctrl-C cancels an answer.\n\n",
      help, "  //TEXT             a prompt that begins with a slash\n"));
}

void Session::Set(const std::string& argument) {
  const std::size_t end = std::min(argument.find_first_of(" \t="), argument.size());
  const std::string value(absl::StripAsciiWhitespace(
      absl::string_view(argument).substr(std::min(end + 1, argument.size()))));
  const absl::Status status = settings_.Set(argument.substr(0, end), value);
  if (!status.ok()) Complain(status.message());
}

void Session::Unset(const std::string& argument) {
  const absl::Status status = settings_.Unset(argument);
  if (!status.ok()) Complain(status.message());
}

void Session::Show(const std::string& /*argument*/) { console_.Write(settings_.Show()); }

void Session::Reset(const std::string& /*argument*/) { settings_.Reset(); }

void Session::Continue(const std::string& /*argument*/) {
  if (!last_) return Complain("there is no text to go on from: type one");
  Generate(last_->prompt + last_->answer, /*continues=*/true, /*other_seed=*/false);
}

void Session::Retry(const std::string& /*argument*/) {
  if (!last_) return Complain("there is no prompt to answer again: type one");
  Generate(std::string(last_->prompt), last_->continues, /*other_seed=*/true);
}

void Session::Save(const std::string& argument) {
  if (!last_) return Complain("there is nothing to save: type a prompt");
  const std::string problem = Create(argument, absl::StrCat(last_->prompt, last_->answer, "\n"));
  if (!problem.empty()) Complain(problem);
}

void Session::Quit(const std::string& /*argument*/) { ended_ = true; }

void Session::Generate(const std::string& prompt, bool continues, bool other_seed) {
  absl::StatusOr<v1::GenerateRequest> request = settings_.Request();
  if (!request.ok()) return Complain(request.status().message());
  request->set_text(prompt);
  // A text that grows must come to no end; but nothing of what was typed is dropped unsaid.
  if (continues) request->mutable_truncation();
  if (other_seed) request->mutable_sampling()->clear_seed();
  last_ = Exchange{.prompt = prompt, .continues = continues, .answer = ""};
  KeepingPrinter printer(options_.json ? MakeJsonPrinter(console_)
                                       : MakeTextPrinter("", request->sampling().n(), console_),
                         last_->answer);
  const CallEnd end = StreamGeneration(*request, connection_, printer);
  if (printer.dropped_tokens() > 0) {
    console_.Complain(
        absl::StrCat("the text is too long for the model, which did not see its first ",
                     printer.dropped_tokens(), " tokens"));
  }
  if (end.signal == SIGTERM) ended_ = true;
  if (end.signal != 0) return Complain("interrupted");
  if (!end.status.ok()) Complain(connection_.Explain(end.status));
}

void Session::Complain(absl::string_view message) {
  std::string line(message);
  absl::RemoveExtraAsciiWhitespace(&line);
  console_.Complain(line);
  result_ = ExitCode::kFailed;
}

}  // namespace cascade::cli
