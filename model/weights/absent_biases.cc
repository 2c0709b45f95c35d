// SPDX-License-Identifier: Apache-2.0

#include "model/weights/absent_biases.h"

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"

namespace cascade::model {
namespace {

// What a bias has in common with the others of its kind: its name within the block,
// "mlp.c_fc.bias", or "ln" for every layer norm's.
absl::string_view KindOf(absl::string_view name) {
  if (absl::StartsWith(name, "h.")) name.remove_prefix(name.find('.', 2) + 1);
  return absl::StartsWith(name, "ln_") ? absl::string_view("ln") : name;
}

}  // namespace

std::set<std::string> AbsentBiases(const std::vector<Gpt2Tensor>& table, const WeightFiles& files) {
  std::set<absl::string_view> stored_kinds;
  for (const Gpt2Tensor& row : table) {
    const bool is_expected = files.Find(row.name) != nullptr || !files.WhyAbsent(row.name).empty();
    if (row.is_bias() && is_expected) stored_kinds.insert(KindOf(row.name));
  }
  std::set<std::string> absent;
  for (const Gpt2Tensor& row : table) {
    if (row.is_bias() && !stored_kinds.contains(KindOf(row.name))) absent.insert(row.name);
  }
  return absent;
}

}  // namespace cascade::model
