// SPDX-License-Identifier: Apache-2.0
// What is told of weights while and after they are loaded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "model/kernels/element_types.h"

namespace cascade::model {

// The loaded weights in numbers, for the start-up log and GetModel.
struct WeightsReport {
  kernels::ElementType stored_type = kernels::ElementType::kF32;  // of the matrices in the files
  kernels::Precision precision = kernels::WeightType::kF32;       // of the packed matrices
  std::size_t parameters = 0;                                     // a tied head counted once
  std::size_t stored_bytes = 0;                                   // of the weight files
  std::size_t memory_bytes = 0;                                   // of the packed weights
  std::size_t nan_count = 0;       // NaNs among the weights: allowed, but a sign of a broken file
  std::size_t infinity_count = 0;  // infinities among them: likewise
  std::size_t overflow_count = 0;  // finite ones that float16 holds as infinities
  std::string fingerprint;         // hex of a hash of all that decides a result: weights and config

  // Where the weight files are not as config.json describes them and are loaded all the same, or
  // have what is not used: a sentence each.
  std::vector<std::string> warnings;
};

// Called on the loading thread each time a tensor was read: bytes of the weight files that were
// read, and bytes of all of them. An error that it returns ends the loading with that error.
using LoadProgress = std::function<absl::Status(std::size_t done, std::size_t total)>;

enum class PackedFileUse : std::uint8_t {
  kNone,    // no packed file was asked for
  kRead,    // the file was there and is used
  kMade,    // the file was made, and is used
  kFailed,  // the file could not be made: the weights are in this process's own memory
};

struct PackedFileOutcome {
  PackedFileUse use = PackedFileUse::kNone;
  std::string reason = {};             // why the file was made, or could not be
  std::string reason_not_shared = {};  // of a file that is used; empty: other processes share it
};

}  // namespace cascade::model
