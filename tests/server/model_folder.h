// SPDX-License-Identifier: Apache-2.0
// A model small enough that transport is what takes time.
#pragma once

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "model/config.h"
#include "tests/support/temp_dir.h"

namespace cascade::testing {

// A context that no test fills: a request for all of it runs until it is cancelled.
inline constexpr std::size_t kEndless = 1 << 17;

// A Hugging Face folder with one layer of width 8, arbitrary weights and the bundled model's
// tokenizer. Removed by the destructor.
class ModelFolder {
 public:
  explicit ModelFolder(std::size_t n_ctx = kEndless);

  const std::string& path() const { return folder_.path(); }

  // Makes every weight NaN.
  void SpoilWeights() const;

  // Replaces one of its files.
  void Write(absl::string_view name, absl::string_view contents) const {
    folder_.WriteFile(name, contents);
  }

 private:
  TempDir folder_;
  model::ModelConfig config_;
};

}  // namespace cascade::testing
