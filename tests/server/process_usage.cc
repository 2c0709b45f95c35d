// SPDX-License-Identifier: Apache-2.0

#include "tests/server/process_usage.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace cascade::testing {
namespace {

std::size_t CountDescriptors(pid_t pid) {
  std::error_code error;  // the process may end meanwhile
  std::filesystem::directory_iterator entries(absl::StrCat("/proc/", pid, "/fd"), error);
  std::size_t count = 0;
  for (; !error && entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    ++count;
  }
  return count;
}

}  // namespace

ProcessUsage MeasureUsage(pid_t pid) {
  ProcessUsage usage;
  std::ifstream status(absl::StrCat("/proc/", pid, "/status"));
  for (std::string name; status >> name;) {
    std::size_t value = 0;
    if (name == "VmHWM:" && status >> value) usage.peak_resident_bytes = value << 10;
    if (name == "VmRSS:" && status >> value) usage.resident_bytes = value << 10;
    if (name == "Threads:" && status >> value) usage.threads = value;
    status.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  usage.descriptors = CountDescriptors(pid);
  return usage;
}

void ResetPeak(pid_t pid) { std::ofstream(absl::StrCat("/proc/", pid, "/clear_refs")) << 5; }

}  // namespace cascade::testing
