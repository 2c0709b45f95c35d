// SPDX-License-Identifier: Apache-2.0
// A limit of memory like a container's.
#pragma once

#include <cstddef>
#include <string>

namespace cascade::testing {

// A memory cgroup, of version 1 or 2, below the one that the machine shows at /sys/fs/cgroup.
// Removed by the destructor, when its processes have ended. Most test environments do not allow
// one.
class MemoryCgroup {
 public:
  explicit MemoryCgroup(std::size_t limit_bytes);
  ~MemoryCgroup();
  MemoryCgroup(const MemoryCgroup&) = delete;
  MemoryCgroup& operator=(const MemoryCgroup&) = delete;

  // Whether it exists and limits.
  bool limits() const { return limits_; }

  // Shell commands that put their own process into it; none if it does not limit.
  std::string Preamble() const;

 private:
  std::string path_;
  bool limits_ = false;
};

}  // namespace cascade::testing
