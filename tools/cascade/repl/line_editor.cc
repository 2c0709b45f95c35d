// SPDX-License-Identifier: Apache-2.0

#include <fcntl.h>
#include <histedit.h>
#include <langinfo.h>
#include <sys/stat.h>
#include <unistd.h>

#include <clocale>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/cascade/repl/line_reader.h"

namespace cascade::cli {
namespace {

constexpr int kHistoryLines = 1000;

// Characters of several bytes are characters only in a locale that says so. Where the user has
// none, as in a container, they are UTF-8 all the same.
void TakeLocale() {
  // Before there are other threads that format anything.  NOLINTNEXTLINE(concurrency-mt-unsafe)
  std::setlocale(LC_CTYPE, "");
  // NOLINTNEXTLINE(concurrency-mt-unsafe)
  if (absl::string_view(nl_langinfo(CODESET)) == "UTF-8") return;
  std::setlocale(LC_CTYPE, "C.UTF-8");  // NOLINT(concurrency-mt-unsafe)
}

class LineEditor : public LineReader {
 public:
  LineEditor(std::FILE* in, std::FILE* out, std::string history_file)
      : history_file_(std::move(history_file)), history_(history_init()) {
    TakeLocale();
    editor_ = el_init("cascade", in, out, out);
    HistEvent event;
    history(history_, &event, H_SETSIZE, kHistoryLines);
    history(history_, &event, H_SETUNIQUE, 1);
    if (OwnHistory()) history(history_, &event, H_LOAD, history_file_.c_str());
    el_set(editor_, EL_CLIENTDATA, this);
    el_set(editor_, EL_EDITOR, "emacs");
    el_set(editor_, EL_PROMPT, &LineEditor::Prompt);
    el_set(editor_, EL_HIST, &history, history_);
    el_set(editor_, EL_SIGNAL, 1);  // the terminal is as it was when a signal ends the process
    el_source(editor_, nullptr);    // ~/.editrc
    // Ctrl-C is a key here: as a signal it would end the process. The terminal makes signals of all
    // its keys or of none.
    el_set(editor_, EL_SETTY, "-d", "-isig", nullptr);
    el_set(editor_, EL_ADDFN, "discard-line", "Begin the line again", &LineEditor::Discard);
    el_set(editor_, EL_BIND, "^C", "discard-line", nullptr);
    el_set(editor_, EL_ADDFN, "suspend", "Stop the process", &LineEditor::Suspend);
    el_set(editor_, EL_BIND, "^Z", "suspend", nullptr);
  }

  ~LineEditor() override {
    el_end(editor_);
    history_end(history_);
  }

  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

 protected:
  Outcome ReadLine(absl::string_view prompt, std::string& line) override {
    prompt_ = std::string(prompt);
    discarded_ = false;
    int size = 0;
    const char* const typed = el_gets(editor_, &size);
    if (discarded_) return Outcome::kDiscarded;
    if (typed == nullptr || size <= 0) return Outcome::kEnd;
    line.assign(typed, static_cast<std::size_t>(size));
    if (line.ends_with('\n')) line.pop_back();
    if (!line.empty()) Remember(line);
    return Outcome::kLine;
  }

 private:
  static LineEditor& Of(EditLine* editor) {
    void* self = nullptr;
    el_get(editor, EL_CLIENTDATA, &self);
    return *static_cast<LineEditor*>(self);
  }

  static char* Prompt(EditLine* editor) { return Of(editor).prompt_.data(); }

  static unsigned char Discard(EditLine* editor, int /*key*/) {
    Of(editor).discarded_ = true;
    std::FILE* out = nullptr;
    el_get(editor, EL_GETFP, 1, &out);
    if (out != nullptr) std::fputs("^C\n", out);
    return CC_EOF;
  }

  // EL_SIGNAL leaves the terminal as it was, and takes it again when the process goes on.
  static unsigned char Suspend(EditLine* /*editor*/, int /*key*/) {
    std::raise(SIGTSTP);
    return CC_REFRESH;
  }

  // Makes the history file, for its owner alone. False if there is none to be.
  bool OwnHistory() {
    if (history_file_.empty()) return false;
    const int file = open(history_file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0 || fchmod(file, 0600) != 0) history_file_.clear();
    if (file >= 0) close(file);
    return !history_file_.empty();
  }

  // Saved at once, so that it is there however the process ends.
  void Remember(const std::string& line) {
    HistEvent event;
    history(history_, &event, H_ENTER, line.c_str());
    if (!history_file_.empty()) history(history_, &event, H_SAVE, history_file_.c_str());
  }

  std::string history_file_;
  History* const history_;
  EditLine* editor_;
  std::string prompt_;
  bool discarded_ = false;  // the line that was read last
};

std::string Environment(const char* name) {
  // Nobody else reads or writes the environment.  NOLINTNEXTLINE(concurrency-mt-unsafe)
  const char* const found = std::getenv(name);
  return found == nullptr ? "" : found;
}

}  // namespace

std::unique_ptr<LineReader> MakeLineEditor(std::FILE* in, std::FILE* out,
                                           std::string history_file) {
  return std::make_unique<LineEditor>(in, out, std::move(history_file));
}

std::string HistoryFile() {
  std::string state = Environment("XDG_STATE_HOME");
  const std::string home = Environment("HOME");
  // The specification: a relative path is to be ignored.
  if (!state.starts_with('/')) state = home.empty() ? "" : absl::StrCat(home, "/.local/state");
  if (state.empty()) return "";
  const std::string folder = absl::StrCat(state, "/cascade");
  std::error_code error;
  const bool is_new = std::filesystem::create_directories(folder, error);
  if (error) return "";
  if (is_new) {
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
  }
  return absl::StrCat(folder, "/history");
}

}  // namespace cascade::cli
