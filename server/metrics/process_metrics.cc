// SPDX-License-Identifier: Apache-2.0

#include "server/metrics/process_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

#include "server/metrics/family.h"

namespace cascade::server {
namespace {

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

double SecondsSinceEpoch() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// Before main: milliseconds after the process began.
const double kStart = SecondsSinceEpoch();

}  // namespace

std::vector<prometheus::MetricFamily> ProcessMetrics() {
  std::vector<prometheus::MetricFamily> families = {GaugeOf(
      "process_start_time_seconds", "Start of the process, in seconds since 1970.", kStart)};
  rusage usage = {};
  if (getrusage(RUSAGE_SELF, &usage) == 0) {
    families.push_back(CounterOf("process_cpu_seconds_total", "CPU time, of user and system.",
                                 Seconds(usage.ru_utime) + Seconds(usage.ru_stime)));
  }
  std::uint64_t virtual_pages = 0;
  std::uint64_t resident_pages = 0;
  if (std::ifstream("/proc/self/statm") >> virtual_pages >> resident_pages) {
    const auto page = static_cast<double>(sysconf(_SC_PAGESIZE));
    families.push_back(GaugeOf("process_virtual_memory_bytes", "Memory that is mapped.",
                               static_cast<double>(virtual_pages) * page));
    families.push_back(GaugeOf("process_resident_memory_bytes", "Memory that is resident.",
                               static_cast<double>(resident_pages) * page));
  }
  std::error_code error;
  const std::filesystem::directory_iterator open("/proc/self/fd", error);
  if (!error) {
    families.push_back(GaugeOf("process_open_fds", "Open file descriptors.",
                               static_cast<double>(std::distance(begin(open), end(open)))));
  }
  rlimit descriptors = {};
  if (getrlimit(RLIMIT_NOFILE, &descriptors) == 0) {
    families.push_back(GaugeOf("process_max_fds", "File descriptors that may be open.",
                               static_cast<double>(descriptors.rlim_cur)));
  }
  return families;
}

}  // namespace cascade::server
