// SPDX-License-Identifier: Apache-2.0
// The CPUs and the memory that this process may use, limits of Linux's control groups, and so of
// containers, included; and the memory that it uses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace cascade::server {

// The names of one limit's file in the two versions of control groups.
struct CgroupFile {
  absl::string_view controller;  // of version 1; "memory" for example
  absl::string_view v1_name;     // "memory.limit_in_bytes" for example
  absl::string_view v2_name;     // "memory.max" for example
};

// The first lines of `file` in this process's control group and in each group above it, nearest
// first: the limits of all of them hold. Empty on a system without control groups. `root` is the
// root of the file system; tests bring their own.
std::vector<std::string> ReadCgroupFiles(const CgroupFile& file, const std::string& root = "");

// The number of CPUs that this process may keep busy: those of its affinity mask, or fewer if a
// control group has a quota. Rounded down, at least 1: with a quota of 2.5 a third thread would be
// stopped in every period, and the other two would wait for it.
std::size_t CpuLimit(const std::string& root = "");

// Bytes of memory that this process may use: the machine's, or fewer if a control group limits
// them.
std::uint64_t MemoryLimit(const std::string& root = "");

// Bytes of memory that only this process has and that the system cannot get back by dropping them,
// as it can with pages of a file that is mapped. 0 on a system that does not tell.
std::uint64_t PrivateMemory(const std::string& root = "");

}  // namespace cascade::server
