// SPDX-License-Identifier: Apache-2.0
// The pages of docs/checkpoints, of which the code writes some parts.
//
// A generated part stands between two comments:
//
//   <!-- generated: NAME -->
//   ...
//   <!-- end -->
//
// `checkpoint_pages` writes all of them anew; pages_test.cc fails where one is not as it would be
// written, so that no page says something else than the code.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "model/checkpoints/checkpoint.h"
#include "model/checkpoints/result.h"

namespace cascade::testing {

// What one golden model measured on the whole ladder.
struct MeasuredModel {
  std::string name;  // "tales-7m"
  std::vector<model::CheckpointResult> results;
};

// Climbs the ladder with both golden models of the repository: some seconds.
std::vector<MeasuredModel> MeasureGoldenModels();

// "docs/checkpoints/CHECKPOINT_04.md".
std::string PagePath(const model::Checkpoint& checkpoint);

inline constexpr absl::string_view kIndexPath = "docs/checkpoints/README.md";

// The generated parts of a checkpoint's page by name: header, imports, files, measured.
std::map<std::string, std::string> PartsOf(const model::Checkpoint& checkpoint,
                                           const std::vector<MeasuredModel>& measured);

// The generated part of the index: ladder.
std::map<std::string, std::string> PartsOfIndex(const std::vector<MeasuredModel>& measured);

// `page` with its generated parts as `parts` has them. A part without an end, or with a name that
// `parts` does not have, is left as it stands.
std::string WithParts(const std::string& page, const std::map<std::string, std::string>& parts);

// The names of the generated parts of `page`, in order.
std::vector<std::string> PartNames(const std::string& page);

}  // namespace cascade::testing
