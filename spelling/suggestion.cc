// SPDX-License-Identifier: Apache-2.0

#include "spelling/suggestion.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <vector>

#include "absl/strings/str_cat.h"

namespace cascade {
namespace {

// How many letters must be changed, added or left out to make one word of the other (Levenshtein).
std::size_t Mistakes(absl::string_view one, absl::string_view other) {
  std::vector<std::size_t> row(other.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < one.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < other.size(); ++j) {
      const std::size_t changed = diagonal + (one[i] == other[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

// A third of the longer word, rounded up: --max_tokens is taken for --max_new_tokens. A word all of
// whose letters differ is never a misspelling, however short it is.
std::size_t MostMistakes(absl::string_view one, absl::string_view other) {
  const std::size_t letters = std::max(one.size(), other.size());
  return letters > 1 ? (letters + 2) / 3 : 0;
}

}  // namespace

std::string Suggestion(absl::string_view word, std::span<const std::string> names,
                       absl::string_view prefix) {
  const std::string* nearest = nullptr;
  std::size_t fewest = 0;
  for (const std::string& name : names) {
    const std::size_t mistakes = Mistakes(word, name);
    if (mistakes > MostMistakes(word, name)) continue;
    const bool is_nearer =
        nearest == nullptr || mistakes < fewest || (mistakes == fewest && name < *nearest);
    if (!is_nearer) continue;
    nearest = &name;
    fewest = mistakes;
  }
  return nearest == nullptr ? "" : absl::StrCat("; is it ", prefix, *nearest, "?");
}

}  // namespace cascade
