// SPDX-License-Identifier: Apache-2.0

#include "server/cgroup.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/engine/affinity.h"

namespace cascade::server {
namespace {

std::optional<std::string> FirstLine(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  if (!std::getline(in, line)) return std::nullopt;
  return line;
}

// Reads `name` in `mount` + `group` and in every group above. Inside a container `group` may be the
// host's path, while the files under `mount` begin at the container's own group: then only the top
// group's file exists.
void ReadUpwards(const std::string& mount, std::string group, absl::string_view name,
                 std::vector<std::string>& lines) {
  while (true) {
    const std::optional<std::string> line = FirstLine(absl::StrCat(mount, group, "/", name));
    if (line) lines.push_back(*line);
    if (group.empty()) return;
    group.erase(group.rfind('/'));
  }
}

// The number of whole CPUs of "quota period", at least 1; none if there is no limit.
std::optional<std::size_t> WholeCpus(absl::string_view limit) {
  const std::vector<absl::string_view> parts = absl::StrSplit(limit, ' ');
  std::uint64_t quota = 0;  // without a limit: "max" in version 2, -1 in 1
  std::uint64_t period = 0;
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &quota) ||
      !absl::SimpleAtoi(parts[1], &period) || period == 0) {
    return std::nullopt;
  }
  return std::max<std::size_t>(1, quota / period);
}

}  // namespace

std::vector<std::string> ReadCgroupFiles(const CgroupFile& file, const std::string& root) {
  std::vector<std::string> lines;
  std::ifstream groups(absl::StrCat(root, "/proc/self/cgroup"));
  for (std::string entry; std::getline(groups, entry);) {  // hierarchy:controllers:/path
    const std::vector<std::string> parts = absl::StrSplit(entry, absl::MaxSplits(':', 2));
    if (parts.size() != 3 || !parts[2].starts_with('/')) continue;
    const std::string group = parts[2] == "/" ? "" : parts[2];
    const std::string mount = absl::StrCat(root, "/sys/fs/cgroup");
    if (parts[1].empty()) {
      ReadUpwards(mount, group, file.v2_name, lines);
      continue;
    }
    for (const absl::string_view controller : absl::StrSplit(parts[1], ',')) {
      if (controller != file.controller) continue;
      ReadUpwards(absl::StrCat(mount, "/", parts[1]), group, file.v1_name, lines);
    }
  }
  return lines;
}

std::size_t CpuLimit(const std::string& root) {
  const std::vector<std::string> quotas =
      ReadCgroupFiles({"cpu", "cpu.cfs_quota_us", "cpu.max"}, root);
  const std::vector<std::string> periods =
      ReadCgroupFiles({"cpu", "cpu.cfs_period_us", "cpu.max"}, root);
  std::size_t limit = AllowedCpus().size();
  for (std::size_t i = 0; i < std::min(quotas.size(), periods.size()); ++i) {
    // Version 2 has both numbers in one file, version 1 in two.
    const bool is_whole = absl::StrContains(quotas[i], ' ');
    const std::optional<std::size_t> cpus =
        WholeCpus(is_whole ? quotas[i] : absl::StrCat(quotas[i], " ", periods[i]));
    if (cpus) limit = std::min(limit, *cpus);
  }
  return limit;
}

std::uint64_t MemoryLimit(const std::string& root) {
  std::uint64_t limit = static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES)) *
                        static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  for (const std::string& line :
       ReadCgroupFiles({"memory", "memory.limit_in_bytes", "memory.max"}, root)) {
    std::uint64_t bytes = 0;  // without a limit: "max" in version 2
    if (absl::SimpleAtoi(line, &bytes)) limit = std::min(limit, bytes);
  }
  return limit;
}

std::uint64_t PrivateMemory(const std::string& root) {
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  std::uint64_t shared = 0;  // pages of files, and memory shared between processes
  std::ifstream pages(absl::StrCat(root, "/proc/self/statm"));
  if (!(pages >> size >> resident >> shared) || shared > resident) return 0;
  return (resident - shared) * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace cascade::server
