// SPDX-License-Identifier: Apache-2.0
// Weights that stay packed between starts, and are in memory once for all processes that use them.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "model/executor.h"
#include "model/weights/gpt2_source.h"
#include "model/weights/gpt2_tensors.h"
#include "model/weights/gpt2_weights.h"

namespace cascade::model {

// A packed file (packed_file.h) of one model folder's weights in one type. It is used only if it
// says that it was made of these very weight files (Gpt2Source::Identity) and every byte of it is
// what was written.
class PackedWeights {
 public:
  // Borrows source and table.
  PackedWeights(std::string path, const Gpt2Source& source, const std::vector<Gpt2Tensor>& table)
      : path_(std::move(path)), source_(source), table_(table) {}

  // Fills the table's places and the rest of `loaded` from the file, after having made it if it is
  // not there or of no use. If several processes come at once, one makes it and the others wait.
  // kFailed leaves the places in any state. While making it, memory holds one tensor at a time.
  PackedFileOutcome ReadOrMake(const Gpt2Source::ReadOptions& options, Executor& executor,
                               LoadedWeights& loaded);

 private:
  absl::Status Read(const Gpt2Source::ReadOptions& options, Executor& executor,
                    LoadedWeights& loaded) const;
  absl::Status MakeAndRead(const Gpt2Source::ReadOptions& options, Executor& executor,
                           LoadedWeights& loaded) const;

  const std::string path_;
  const Gpt2Source& source_;
  const std::vector<Gpt2Tensor>& table_;
};

}  // namespace cascade::model
