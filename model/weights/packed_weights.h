// SPDX-License-Identifier: Apache-2.0
// Weights that are kept packed between starts, in a file that all processes of a machine share.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/executor.h"
#include "model/weights/gpt2_source.h"
#include "model/weights/gpt2_tensors.h"
#include "model/weights/report.h"

namespace cascade::model {

class PackedFileWriter;
struct LoadedWeights;  // of gpt2_weights.h

// A packed file (packed_file.h) of one model folder's weights in one precision. It is used only if
// its metadata says that it was made of these very weight files (Gpt2Source::Identity), and if
// every byte is as it was written.
class PackedWeights {
 public:
  // Borrows source and table.
  PackedWeights(std::string path, const Gpt2Source& source, const std::vector<Gpt2Tensor>& table)
      : path_(std::move(path)), source_(source), table_(table) {}

  // Fills the matrices and vectors that the table points to, and the rest of `loaded`, from the
  // file. Makes the file first if it is missing, damaged or of other weights; if several processes
  // need it at once, one of them makes it and the others wait. While the file is made, memory holds
  // one tensor at a time. With `share`, the file is mapped if the system gives a lease on it
  // (FileMemory::Share); else it is copied to memory.
  //
  // What is wrong with the packed file is told in the result: kFailed, which leaves matrices and
  // vectors in any state. An error is one of the weights themselves or of on_progress.
  absl::StatusOr<PackedFileOutcome> ReadOrMake(const Gpt2Source::ReadOptions& options, bool share,
                                               Executor& executor, LoadedWeights& loaded);

 private:
  // How a step towards the loaded weights ended. `loading` is an error that ends all loading,
  // `file` one that is of this file alone.
  struct Ended {
    absl::Status loading;
    absl::Status file;
    bool ok() const { return loading.ok() && file.ok(); }
  };

  // Adds to `outcome` why the file is not shared.
  absl::Status Read(const kernels::Precision& precision, bool share, Executor& executor,
                    LoadedWeights& loaded, PackedFileOutcome& outcome) const;
  Ended Make(const Gpt2Source::ReadOptions& options, Executor& executor,
             PackedFileWriter& writer) const;

  const std::string path_;
  const Gpt2Source& source_;
  const std::vector<Gpt2Tensor>& table_;
};

}  // namespace cascade::model
