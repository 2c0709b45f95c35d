// SPDX-License-Identifier: Apache-2.0

#include "tests/hostile/memory_cgroup.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace cascade::testing {
namespace {

namespace fs = std::filesystem;

bool Write(const std::string& path, std::size_t value) {
  std::ofstream file(path);
  file << value << std::flush;
  return file.good();
}

}  // namespace

MemoryCgroup::MemoryCgroup(std::size_t limit_bytes) {
  const bool is_v1 = fs::exists("/sys/fs/cgroup/memory/memory.limit_in_bytes");
  path_ = absl::StrCat("/sys/fs/cgroup/", is_v1 ? "memory/" : "", "cascade-hostile-", getpid());
  std::error_code error;
  if (!fs::create_directory(path_, error)) return;
  limits_ = Write(path_ + (is_v1 ? "/memory.limit_in_bytes" : "/memory.max"), limit_bytes);
}

MemoryCgroup::~MemoryCgroup() {
  rmdir(path_.c_str());  // fails if there is none
}

std::string MemoryCgroup::Preamble() const {
  return limits_ ? absl::StrCat("echo $$ > ", path_, "/cgroup.procs;") : "";
}

}  // namespace cascade::testing
