// SPDX-License-Identifier: Apache-2.0
// A flag's value of comma-separated numbers, one for each run of a sweep.
#pragma once

#include <string>
#include <vector>

#include "absl/flags/marshalling.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace cascade::cli::bench {

template <typename Number>
struct NumberList {
  std::vector<Number> values;  // each more than zero
};

// For Flags.
template <typename Number>
bool AbslParseFlag(absl::string_view text, NumberList<Number>* list, std::string* error) {
  NumberList<Number> parsed;
  for (const absl::string_view word : absl::StrSplit(text, ',')) {
    Number value{};
    if (!absl::ParseFlag<Number>(word, &value, error) || !(value > 0)) {
      *error = absl::StrCat("\"", word, "\" is not a number above 0");
      return false;
    }
    parsed.values.push_back(value);
  }
  *list = parsed;
  return true;
}

}  // namespace cascade::cli::bench
