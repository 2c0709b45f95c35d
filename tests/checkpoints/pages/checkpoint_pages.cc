// SPDX-License-Identifier: Apache-2.0
// Writes the generated parts of the pages in docs/checkpoints anew: after a file has moved, an
// include or a tolerance has changed, or a checkpoint measures something else.
#include <cstdio>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "tests/checkpoints/pages/page.h"
#include "tests/checkpoints/pages/source_tree.h"
#include "tests/support/source_path.h"

namespace cascade::testing {
namespace {

// True if the page is now as `parts` has it.
bool Write(const std::string& path, const std::map<std::string, std::string>& parts) {
  const std::string before = ReadSource(path);
  const std::string after = WithParts(before, parts);
  if (after == before) return true;
  std::ofstream file(SourcePath(path), std::ios::binary);
  file << after << std::flush;
  std::printf("%s %s\n", path.c_str(), file ? "is written anew" : "cannot be written");
  return static_cast<bool>(file);
}

bool WriteAll() {
  const std::vector<MeasuredModel> measured = MeasureGoldenModels();
  bool written = Write(std::string(kIndexPath), PartsOfIndex(measured));
  for (const model::Checkpoint* checkpoint : model::checkpoints::kLadder) {
    written = Write(PagePath(*checkpoint), PartsOf(*checkpoint, measured)) && written;
  }
  return written;
}

}  // namespace
}  // namespace cascade::testing

int main() { return cascade::testing::WriteAll() ? 0 : 1; }
