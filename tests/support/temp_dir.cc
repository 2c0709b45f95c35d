// SPDX-License-Identifier: Apache-2.0

#include "tests/support/temp_dir.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace cascade::testing {
namespace {

[[noreturn]] void GiveUp(absl::string_view action, const std::string& path) {
  std::fprintf(stderr, "cannot %s %s\n", std::string(action).c_str(), path.c_str());
  std::abort();
}

}  // namespace

TempDir::TempDir() : path_(std::filesystem::temp_directory_path() / "cascade-test-XXXXXX") {
  if (mkdtemp(path_.data()) == nullptr) GiveUp("make", path_);
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TempDir::PathOf(absl::string_view name) const { return absl::StrCat(path_, "/", name); }

void TempDir::WriteFile(absl::string_view name, absl::string_view contents) const {
  std::ofstream file(PathOf(name), std::ios::binary | std::ios::trunc);
  file.write(contents.data(), static_cast<std::streamsize>(contents.size()));
  file.close();
  if (!file) GiveUp("write", PathOf(name));
}

}  // namespace cascade::testing
