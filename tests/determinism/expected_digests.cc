// SPDX-License-Identifier: Apache-2.0

#include "tests/determinism/expected_digests.h"

#include <algorithm>
#include <fstream>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace cascade::testing {
namespace {

constexpr std::size_t kDigits = 32;

bool IsDigest(absl::string_view text) {
  return text.size() == kDigits &&
         text.find_first_not_of("0123456789abcdef") == absl::string_view::npos;
}

bool BelongsTo(absl::string_view name, const std::vector<std::string>& sets) {
  return std::any_of(sets.begin(), sets.end(), [&](const std::string& set) {
    return absl::StartsWith(name, absl::StrCat(set, " "));
  });
}

}  // namespace

absl::StatusOr<Digests> ParseDigests(absl::string_view text) {
  Digests digests;
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    if (absl::StartsWith(line, "#")) continue;
    const std::size_t space = line.rfind(' ');
    if (space == absl::string_view::npos || !IsDigest(line.substr(space + 1))) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", line, "\" is not a name, a space and ", kDigits, " hex digits"));
    }
    const std::string name(line.substr(0, space));
    if (!digests.emplace(name, line.substr(space + 1)).second) {
      return absl::InvalidArgumentError(absl::StrCat("\"", name, "\" is there twice"));
    }
  }
  return digests;
}

absl::StatusOr<Digests> ReadDigests(const std::string& path) {
  const std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) return absl::NotFoundError(absl::StrCat("cannot read ", path));
  return ParseDigests(text.str());
}

std::vector<std::string> DifferencesOf(const Digests& actual, const Digests& expected,
                                       const std::vector<std::string>& sets) {
  std::vector<std::string> differences;
  for (const auto& [name, digest] : actual) {
    const auto found = expected.find(name);
    if (found == expected.end()) {
      differences.push_back(absl::StrCat(name, ": no digest is expected; it is ", digest));
    } else if (found->second != digest) {
      differences.push_back(absl::StrCat(name, ": expected ", found->second, ", it is ", digest));
    }
  }
  for (const auto& [name, digest] : expected) {
    if (BelongsTo(name, sets) && actual.count(name) == 0) {
      differences.push_back(absl::StrCat(name, ": expected ", digest, ", but it did not run"));
    }
  }
  return differences;
}

}  // namespace cascade::testing
