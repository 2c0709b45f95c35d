// SPDX-License-Identifier: Apache-2.0
// Checked reading of the files of a golden folder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/checkpoints/golden_data.h"
#include "model/token.h"
#include "nlohmann/json_fwd.hpp"

namespace cascade::model {

// A dimension that may have any size.
inline constexpr std::size_t kAnySize = 0;

// Reads files of one folder and keeps the first complaint, so that the caller asks once, at the
// end: as JsonReader does. After a complaint every read gives something empty, which the caller
// must not use.
class GoldenReader {
 public:
  explicit GoldenReader(std::string folder) : folder_(std::move(folder)) {}

  const absl::Status& status() const { return status_; }

  // `result` if no read complained, or the complaint.
  template <typename T>
  absl::StatusOr<T> Finish(T result) const {
    if (!status_.ok()) return status_;
    return result;
  }

  // The float32 tensor of the file `name`.npy, whose shape must be `shape`.
  GoldenTensor Tensor(absl::string_view name, const std::vector<std::size_t>& shape);

  // The int32 vector of the file `name`.npy: at least one number, all in [0, limit).
  std::vector<TokenId> Integers(absl::string_view name, std::size_t limit);

  // The array of objects in the file `name`.json.
  std::vector<nlohmann::json> Objects(absl::string_view name);

  // Keeps a complaint about the file `name` unless `holds`.
  void Require(bool holds, absl::string_view name, absl::string_view expected);

  // Keeps another reader's complaint.
  void Keep(const absl::Status& status);

 private:
  std::string Text(const std::string& path);

  std::string folder_;
  absl::Status status_;
};

}  // namespace cascade::model
