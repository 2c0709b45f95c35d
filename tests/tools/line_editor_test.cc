// SPDX-License-Identifier: Apache-2.0
// The line editor, on a terminal that the test makes.
#include <pty.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tools/cascade/repl/line_reader.h"

// libedit copies the names of functions that are added to an editor, and frees them with no editor;
// the terminal's description keeps what it has read.
// NOLINTNEXTLINE(bugprone-reserved-identifier): LeakSanitizer asks for its exceptions under this
// name
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() { return "leak:wcsdup\nleak:libtinfo"; }

namespace cascade::cli {
namespace {

using ::testing::HasSubstr;

class LineEditorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    setenv("TERM", "xterm", 1);
    setenv("HOME", folder_.c_str(), 1);
    unsetenv("XDG_STATE_HOME");
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // What an editor reads when these keys are typed. Raw, so that the keys wait as they are until
  // the editor takes them.
  std::vector<std::string> ReadKeys(const std::string& keys) {
    int user = -1;
    int terminal = -1;
    termios raw = {};
    cfmakeraw(&raw);
    if (openpty(&user, &terminal, nullptr, &raw, nullptr) != 0) {
      ADD_FAILURE() << "there are no pseudo terminals here: is /dev/pts mounted?";
      return {};
    }
    EXPECT_EQ(write(user, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
    // Takes what is shown, so that the editor never waits.
    std::thread screen([user] {
      char shown[1024];
      while (read(user, shown, sizeof(shown)) > 0) {
      }
    });
    std::FILE* const in = fdopen(terminal, "r");
    std::FILE* const out = fdopen(dup(terminal), "w");
    std::vector<std::string> texts;
    const std::unique_ptr<LineReader> editor = MakeLineEditor(in, out, HistoryFile());
    while (std::optional<std::string> text = editor->Read()) texts.push_back(*text);
    std::fclose(in);
    std::fclose(out);  // which ends the reads of the other side
    screen.join();
    close(user);
    return texts;
  }

  std::string History() const {
    std::ifstream file(folder_ + "/.local/state/cascade/history");
    return {std::istreambuf_iterator<char>(file), {}};
  }

  const std::string folder_ = absl::StrCat(::testing::TempDir(), "/line_editor_test_", getpid());
};

constexpr char kCtrlB[] = "\x02";  // a character back
constexpr char kCtrlC[] = "\x03";
constexpr char kCtrlD[] = "\x04";
constexpr char kCtrlP[] = "\x10";  // the line before

TEST_F(LineEditorTest, LinesCanBeEditedAndCtrlDEnds) {
  EXPECT_THAT(ReadKeys(absl::StrCat("ac", kCtrlB, "b\r\xC3\xA4x", kCtrlB, kCtrlB, "-\r", kCtrlD)),
              ::testing::ElementsAre("abc", "-\xC3\xA4x"));
}

TEST_F(LineEditorTest, CtrlCBeginsTheTextAgain) {
  EXPECT_THAT(ReadKeys(absl::StrCat("one\\\rtwo", kCtrlC, "three\r", kCtrlD)),
              ::testing::ElementsAre("three"));
}

TEST_F(LineEditorTest, TheHistoryComesBackAndIsItsOwnersAlone) {
  ReadKeys(absl::StrCat("first\rsecond\r", kCtrlD));
  EXPECT_THAT(History(), HasSubstr("second"));
  struct stat about = {};
  ASSERT_EQ(stat((folder_ + "/.local/state/cascade/history").c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777U, 0600U);
  EXPECT_THAT(ReadKeys(absl::StrCat(kCtrlP, kCtrlP, "!\r", kCtrlD)),
              ::testing::ElementsAre("first!"));
}

TEST_F(LineEditorTest, TheHistoryIsBounded) {
  for (int times = 0; times < 4; ++times) {
    // A terminal holds 4096 bytes that nobody has read.
    std::string part;
    for (int i = 0; i < 300; ++i) absl::StrAppend(&part, times, "-", i, "\r");
    ReadKeys(absl::StrCat(part, kCtrlD));
  }
  const std::string history = History();
  EXPECT_THAT(history, HasSubstr("3-299\n"));
  EXPECT_THAT(history, ::testing::Not(HasSubstr("0-199\n")));
  EXPECT_THAT(history, HasSubstr("0-200\n"));
}

TEST_F(LineEditorTest, WithoutAPlaceForItThereIsNoHistory) {
  std::ofstream(folder_ + "/.local") << "a file where the folder would be";
  EXPECT_EQ(HistoryFile(), "");
  EXPECT_THAT(ReadKeys(absl::StrCat("one\r", kCtrlP, "\r", kCtrlD)),
              ::testing::ElementsAre("one", "one"));
}

TEST_F(LineEditorTest, TheHistoryFollowsTheSpecificationOfFolders) {
  setenv("XDG_STATE_HOME", (folder_ + "/state").c_str(), 1);
  EXPECT_EQ(HistoryFile(), folder_ + "/state/cascade/history");
  setenv("XDG_STATE_HOME", "relative", 1);
  EXPECT_EQ(HistoryFile(), folder_ + "/.local/state/cascade/history");
  unsetenv("XDG_STATE_HOME");
  unsetenv("HOME");
  EXPECT_EQ(HistoryFile(), "");
}

}  // namespace
}  // namespace cascade::cli
