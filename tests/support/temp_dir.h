// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace cascade::testing {

// A new, empty folder, removed with all that is in it by the destructor. A test that cannot make or
// write one ends there and then: there is nothing it could find out.
class TempDir {
 public:
  TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir();

  const std::string& path() const { return path_; }
  std::string PathOf(absl::string_view name) const;

  // Writes a file, replacing one that is there.
  void WriteFile(absl::string_view name, absl::string_view contents) const;

 private:
  std::string path_;
};

}  // namespace cascade::testing
