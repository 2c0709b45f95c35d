// SPDX-License-Identifier: Apache-2.0
// The pages of docs/checkpoints say what the code says.
#include <algorithm>
#include <cstddef>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/checkpoints/pages/page.h"
#include "tests/checkpoints/pages/source_tree.h"

namespace cascade::testing {
namespace {

using model::Checkpoint;
using ::testing::ElementsAre;
using ::testing::IsSupersetOf;

constexpr absl::string_view kRegenerate =
    "; if the code is right: ninja -C build checkpoint_pages && build/tests/checkpoint_pages";

std::vector<std::string> AllPages() {
  std::vector<std::string> pages = {std::string(kIndexPath)};
  for (const Checkpoint* checkpoint : model::checkpoints::kLadder) {
    pages.push_back(PagePath(*checkpoint));
  }
  return pages;
}

std::vector<std::string> LinesThatBegin(const std::string& page, absl::string_view prefix) {
  std::vector<std::string> lines = absl::StrSplit(page, '\n');
  std::erase_if(lines, [&](const std::string& line) { return !absl::StartsWith(line, prefix); });
  return lines;
}

std::vector<std::string> Matches(const std::string& text, const std::string& pattern) {
  std::vector<std::string> matches;
  const std::regex regex(pattern);
  for (std::sregex_iterator it(text.begin(), text.end(), regex), end; it != end; ++it) {
    matches.push_back((*it)[1]);
  }
  return matches;
}

// The lines of the page's shell blocks.
std::vector<std::string> Commands(const std::string& page) {
  std::vector<std::string> commands;
  bool in_block = false;
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(page, '\n'))) {
    if (absl::StartsWith(line, "```")) {
      in_block = line == "```sh";
    } else if (in_block && !line.empty()) {
      commands.push_back(line);
    }
  }
  return commands;
}

TEST(CheckpointPagesTest, GeneratedPartsAreAsTheCodeWritesThem) {
  const std::vector<MeasuredModel> measured = MeasureGoldenModels();
  for (const Checkpoint* checkpoint : model::checkpoints::kLadder) {
    const std::string page = ReadSource(PagePath(*checkpoint));
    EXPECT_EQ(page, WithParts(page, PartsOf(*checkpoint, measured)))
        << PagePath(*checkpoint) << kRegenerate;
  }
  const std::string index = ReadSource(kIndexPath);
  EXPECT_EQ(index, WithParts(index, PartsOfIndex(measured))) << kIndexPath << kRegenerate;
  EXPECT_THAT(PartNames(index), ElementsAre("ladder"));
}

TEST(CheckpointPagesTest, EveryPageHasTheForm) {
  for (const Checkpoint* checkpoint : model::checkpoints::kLadder) {
    const std::string path = PagePath(*checkpoint);
    const std::string page = ReadSource(path);
    EXPECT_THAT(LinesThatBegin(page, "## "),
                ElementsAre("## Purpose", "## Implementation file", "## Implementation steps",
                            "## Where it fits", "## Files and dependencies", "## Measured",
                            "## Next steps"))
        << path;
    EXPECT_THAT(Matches(page, R"(\*\*([A-Z][^*]*[.:])\*\*)"),
                IsSupersetOf({"What it validates.", "Why it matters.", "How errors propagate.",
                              "Structure.", "Key points.", "Run.", "Debug.", "If it passes.",
                              "If it fails."}))
        << path;
    const std::vector<std::string> parts =
        checkpoint->number == 0
            ? std::vector<std::string>{"header", "imports", "files"}
            : std::vector<std::string>{"header", "imports", "files", "measured"};
    EXPECT_EQ(PartNames(page), parts) << path;
    EXPECT_TRUE(absl::StartsWith(page, absl::StrCat("# Checkpoint ", checkpoint->number, ": ")));
    EXPECT_FALSE(Commands(page).empty()) << path;
  }
}

TEST(CheckpointPagesTest, EveryNamedFileExists) {
  for (const std::string& path : AllPages()) {
    const std::string page = ReadSource(path);
    for (const std::string& named :
         Matches(page, R"(`((?:model|server|tools|tests|docs|proto|deploy|scripts)/[\w./*-]*)`)")) {
      EXPECT_TRUE(SourceExists(named)) << path << " names " << named;
    }
    for (const std::string& linked : Matches(page, R"(\]\(([^)#:]+)\))")) {
      EXPECT_TRUE(SourceExists(absl::StrCat("docs/checkpoints/", linked)))
          << path << " links to " << linked;
    }
  }
}

// Whether a pattern of ctest -R, of the form "Suite" or "Suite.Test", is the beginning of a test.
bool NamesATest(const std::string& pattern, const std::vector<std::string>& tests) {
  return std::ranges::any_of(
      tests, [&](const std::string& test) { return absl::StartsWith(test, pattern); });
}

TEST(CheckpointPagesTest, EveryNamedTestExists) {
  const std::vector<std::string> tests = TestNames();
  for (const std::string& path : AllPages()) {
    for (const std::string& named : Matches(ReadSource(path), R"(Test:\s+`([^`]*)`)")) {
      EXPECT_NE(std::ranges::find(tests, named), tests.end()) << path << " names " << named;
    }
  }
}

TEST(CheckpointPagesTest, EveryCommandNamesWhatExists) {
  const std::vector<std::string> tests = TestNames();
  const std::string check = ReadSource("tools/cascade/check/check.cc");
  for (const std::string& path : AllPages()) {
    const std::string page = ReadSource(path);
    for (const std::string& command : Commands(page)) {
      SCOPED_TRACE(absl::StrCat(path, ": ", command));
      for (const std::string& pattern : Matches(command, R"( -R (\S+))")) {
        EXPECT_TRUE(NamesATest(pattern, tests));
      }
      for (const std::string& label : Matches(command, R"( -L (\S+))")) {
        EXPECT_EQ(label, "checkpoint");
      }
      for (const std::string& filter : Matches(command, R"(--gtest_filter='?([\w.]+))")) {
        EXPECT_TRUE(NamesATest(filter, tests));
      }
      if (!absl::StrContains(command, "cascade check")) continue;
      for (const std::string& flag : Matches(command, R"( --(\w+))")) {
        EXPECT_TRUE(absl::StrContains(check, absl::StrCat("flags.Add(\"", flag, "\"")) ||
                    flag == "json");
      }
    }
  }
}

TEST(CheckpointPagesTest, EveryCommandIsOneThatIsChecked) {
  for (const std::string& path : AllPages()) {
    for (const std::string& command : Commands(ReadSource(path))) {
      EXPECT_TRUE(std::ranges::any_of(
          std::vector<absl::string_view>{"ctest --preset release ", "build/tests/checkpoint",
                                         "build/bin/cascade ", "build/bin/cascade-server ", "make ",
                                         "ninja -C build ", "python tests/golden/generate.py ",
                                         "pip install -r tests/golden/requirements.txt"},
          [&](absl::string_view known) { return absl::StartsWith(command, known); }))
          << path << ": " << command;
    }
  }
}

TEST(WithPartsTest, ReplacesNamedPartsAndNothingElse) {
  const std::string page =
      "a\n<!-- generated: x -->\nold\n<!-- end -->\nb\n<!-- generated: y -->\nc\n"
      "<!-- end -->\n";
  EXPECT_EQ(WithParts(page, {{"x", "new\n"}}),
            "a\n<!-- generated: x -->\nnew\n<!-- end -->\nb\n<!-- generated: y -->\nc\n"
            "<!-- end -->\n");
  EXPECT_EQ(WithParts("<!-- generated: x -->\nold", {{"x", "new\n"}}),
            "<!-- generated: x -->\nold");
  EXPECT_THAT(PartNames(page), ElementsAre("x", "y"));
}

}  // namespace
}  // namespace cascade::testing
