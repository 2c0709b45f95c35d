// SPDX-License-Identifier: Apache-2.0

#include "tools/cascade/check/subject.h"

#include <filesystem>
#include <system_error>

namespace cascade::cli {

std::string FindGolden(const std::string& model) {
  namespace fs = std::filesystem;
  std::error_code error;
  // A trailing slash, ".." and symbolic links would hide the model's name.
  const fs::path folder = fs::weakly_canonical(model, error);
  if (error) return "";
  const fs::path source_tree = folder.parent_path().parent_path().parent_path();
  for (const fs::path& golden :
       {folder / "golden", source_tree / "tests" / "golden" / folder.filename()}) {
    if (fs::exists(golden / "provenance.json", error)) return golden.string();
  }
  return "";
}

}  // namespace cascade::cli
