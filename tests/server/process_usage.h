// SPDX-License-Identifier: Apache-2.0
// What a process uses, as /proc tells it.
#pragma once

#include <sys/types.h>

#include <cstddef>

namespace cascade::testing {

struct ProcessUsage {
  std::size_t resident_bytes = 0;
  std::size_t peak_resident_bytes = 0;  // since the process began, or since ResetPeak
  std::size_t threads = 0;
  std::size_t descriptors = 0;
};

// All zero if there is no such process, or it has ended.
ProcessUsage MeasureUsage(pid_t pid);

// Lets peak_resident_bytes begin anew, with what is resident now.
void ResetPeak(pid_t pid);

}  // namespace cascade::testing
