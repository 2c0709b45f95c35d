// SPDX-License-Identifier: Apache-2.0
// A copy of golden data, to be spoiled.
#pragma once

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "tests/support/temp_dir.h"

namespace cascade::testing {

// The golden data of the random model, which has 3 blocks of 3 heads, 192 wide, and a vocabulary of
// 509. Removed by the destructor. A file that cannot be read or written ends the test binary.
class GoldenCopy {
 public:
  GoldenCopy();

  const std::string& path() const { return folder_.path(); }

  // Replaces one float (or int32) of the array `name`.npy.
  void SetFloat(absl::string_view name, std::size_t index, float value);
  void SetInt(absl::string_view name, std::size_t index, int value);

  // Replaces the first occurrence of `from` in a file. REQUIRES: there is one.
  void Replace(absl::string_view file, absl::string_view from, absl::string_view to);

  void Write(absl::string_view file, absl::string_view contents) {
    folder_.WriteFile(file, contents);
  }
  std::string Read(absl::string_view file) const;

 private:
  void SetElement(absl::string_view name, std::size_t index, const void* value);

  TempDir folder_;
};

}  // namespace cascade::testing
