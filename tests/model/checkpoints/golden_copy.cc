// SPDX-License-Identifier: Apache-2.0

#include "tests/model/checkpoints/golden_copy.h"

#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "model/json_document.h"
#include "tests/support/source_path.h"
#include "tests/support/value_or_die.h"

namespace cascade::testing {

GoldenCopy::GoldenCopy() {
  namespace fs = std::filesystem;
  for (const char* name :
       {"trace", "layer_norm", "logits", "sampling", "generation.json", "provenance.json"}) {
    fs::copy(SourcePath(absl::StrCat("tests/golden/random/", name)), folder_.PathOf(name),
             fs::copy_options::recursive);
  }
}

void GoldenCopy::SetFloat(absl::string_view name, std::size_t index, float value) {
  SetElement(name, index, &value);
}

void GoldenCopy::SetInt(absl::string_view name, std::size_t index, int value) {
  SetElement(name, index, &value);
}

void GoldenCopy::Replace(absl::string_view file, absl::string_view from, absl::string_view to) {
  std::string contents = Read(file);
  const std::size_t at = contents.find(std::string(from));
  if (at == std::string::npos) std::abort();
  Write(file, contents.replace(at, from.size(), std::string(to)));
}

std::string GoldenCopy::Read(absl::string_view file) const {
  constexpr std::size_t kLargest = 1 << 24;
  return ValueOrDie(model::ReadTextFile(folder_.PathOf(file), kLargest));
}

void GoldenCopy::SetElement(absl::string_view name, std::size_t index, const void* value) {
  constexpr std::size_t kHeader = 128;  // numpy pads it to a multiple of 64
  const std::string file = absl::StrCat(name, ".npy");
  std::string contents = Read(file);
  if (kHeader + 4 * index + 4 > contents.size()) std::abort();
  std::memcpy(contents.data() + kHeader + 4 * index, value, 4);
  Write(file, contents);
}

}  // namespace cascade::testing
