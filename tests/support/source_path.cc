// SPDX-License-Identifier: Apache-2.0

#include "tests/support/source_path.h"

#include "absl/strings/str_cat.h"

namespace cascade::testing {

std::string SourcePath(absl::string_view relative) {
  return absl::StrCat(CASCADE_SOURCE_DIR "/", relative);
}

std::string BundledModelFolder() { return SourcePath("deploy/models/tales-7m"); }

}  // namespace cascade::testing
