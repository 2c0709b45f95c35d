// SPDX-License-Identifier: Apache-2.0

#include "model/weights/tensor_names.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace cascade::model {
namespace {

constexpr absl::string_view kModel = "transformer.";

// True for a name of one of GPT2Model's modules, with or without GPT2LMHeadModel's prefix. The head
// is not among them: some classes wrap the model and add the head themselves.
bool IsGpt2Name(absl::string_view name) {
  absl::ConsumePrefix(&name, kModel);
  constexpr absl::string_view kModules[] = {"wte.", "wpe.", "h.", "ln_f."};
  return std::any_of(std::begin(kModules), std::end(kModules),
                     [name](absl::string_view module) { return absl::StartsWith(name, module); });
}

}  // namespace

std::string WrapperNames(const WeightFiles::Entries& entries) {
  const bool is_bare = std::any_of(entries.begin(), entries.end(),
                                   [](const auto& entry) { return IsGpt2Name(entry.first); });
  if (is_bare) return "";
  // The token embedding's name tells, or that of a head without an embedding.
  for (const absl::string_view anchor : {".wte.weight", ".lm_head.weight"}) {
    std::set<std::string> found;
    for (const auto& [name, entry] : entries) {
      absl::string_view wrappers = name;
      if (!absl::ConsumeSuffix(&wrappers, anchor)) continue;
      absl::ConsumeSuffix(&wrappers, ".transformer");
      found.insert(absl::StrCat(wrappers, "."));
    }
    if (!found.empty()) return found.size() == 1 ? *found.begin() : "";
  }
  return "";
}

absl::Status UseCanonicalNames(WeightFiles& files) {
  const std::string wrappers = WrapperNames(files.entries());
  return files.Rename([&wrappers](absl::string_view name) {
    return absl::StripPrefix(absl::StripPrefix(name, wrappers), kModel);
  });
}

}  // namespace cascade::model
