// SPDX-License-Identifier: Apache-2.0

#include "tests/checkpoints/pages/source_tree.h"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <regex>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "model/json_document.h"
#include "tests/support/source_path.h"
#include "tests/support/value_or_die.h"

namespace cascade::testing {
namespace {

namespace fs = std::filesystem;

// All parts of `text` that match, the first group of each.
std::vector<std::string> Matches(const std::string& text, const std::string& pattern) {
  std::vector<std::string> matches;
  const std::regex regex(pattern, std::regex::multiline);
  for (std::sregex_iterator it(text.begin(), text.end(), regex), end; it != end; ++it) {
    matches.push_back((*it)[1]);
  }
  return matches;
}

}  // namespace

std::string ReadSource(absl::string_view path) {
  constexpr std::size_t kLargest = 1 << 22;
  return ValueOrDie(model::ReadTextFile(SourcePath(path), kLargest));
}

bool SourceExists(absl::string_view path) { return fs::exists(SourcePath(path)); }

std::vector<std::string> SourcesBelow(absl::string_view folder, absl::string_view ending) {
  std::vector<std::string> paths;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(SourcePath(folder))) {
    const std::string path = fs::relative(entry.path(), SourcePath("")).string();
    if (entry.is_regular_file() && absl::EndsWith(path, ending)) paths.push_back(path);
  }
  std::ranges::sort(paths);
  return paths;
}

std::vector<std::string> IncludeLines(absl::string_view path) {
  return Matches(ReadSource(path), R"re(^(#include [<"][^>"]+[>"]))re");
}

std::vector<std::string> ProjectIncludes(absl::string_view path) {
  return Matches(ReadSource(path), R"re(^#include "((?:model|server|tools|cascade)/[^"]+)")re");
}

std::vector<std::string> IncludersOf(absl::string_view header) {
  std::vector<std::string> includers;
  for (const char* folder : {"model", "server", "tools"}) {
    for (const char* ending : {".h", ".cc"}) {
      for (const std::string& path : SourcesBelow(folder, ending)) {
        const std::vector<std::string> includes = ProjectIncludes(path);
        if (std::ranges::find(includes, header) == includes.end()) continue;
        if (!absl::StartsWith(path, "model/checkpoints/")) includers.push_back(path);
      }
    }
  }
  std::ranges::sort(includers);
  return includers;
}

std::vector<std::string> TestNames() {
  std::vector<std::string> names;
  for (const std::string& path : SourcesBelow("tests", "_test.cc")) {
    const std::string text = ReadSource(path);
    const std::regex test(R"(TEST(?:_[FP])?\(\s*(\w+),\s*(\w+)\))");
    for (std::sregex_iterator it(text.begin(), text.end(), test), end; it != end; ++it) {
      names.push_back(absl::StrCat((*it)[1].str(), ".", (*it)[2].str()));
    }
  }
  return names;
}

}  // namespace cascade::testing
