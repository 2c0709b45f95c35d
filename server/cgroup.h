// SPDX-License-Identifier: Apache-2.0
// What Linux's control groups, and so containers, allow this process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace cascade::server {

// A limit as the two versions of control groups have it.
struct CgroupFile {
  absl::string_view controller;  // of version 1, as "memory"
  absl::string_view v1_name;     // as "memory.limit_in_bytes"
  absl::string_view v2_name;     // as "memory.max"
};

// The first lines of `file` in this process's group and in each above it, nearest first: all of
// them bind. Empty where there are no control groups. `root` is where the file system begins; tests
// have one of their own.
std::vector<std::string> ReadCgroupFiles(const CgroupFile& file, const std::string& root = "");

// CPUs that this process may keep busy: those of its affinity mask, or fewer if a control group has
// a quota. Whole ones, at least 1: with a quota of 2.5 a third thread would be stopped in every
// period, and the other two would wait for it.
std::size_t CpuLimit(const std::string& root = "");

// Bytes of memory that this process may use: the machine's, or fewer if a control group says so.
std::uint64_t MemoryLimit(const std::string& root = "");

}  // namespace cascade::server
