// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/kernel_main.h"

#include <cstdio>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "benchmark/benchmark.h"
#include "server/engine/thread_pool.h"

namespace cascade::bench {
namespace {

class MarkdownReporter final : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context& /*context*/) override {
    std::puts(
        "| kernel                                     |       ms | GFLOP/s |  GB/s | % of peak | % "
        "of read |\n|---|---:|---:|---:|---:|---:|");
    return true;
  }

  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      const auto counter = [&run](const char* name) { return run.counters.at(name).value; };
      std::printf("| %-42s | %8.3f | %7.0f | %5.1f | %9.0f | %9.0f |\n",
                  run.run_name.function_name.c_str(), counter("ms"), counter("gflops"),
                  counter("gbytes"), counter("pct_peak"), counter("pct_read"));
      std::fflush(stdout);
    }
  }
};

// Takes --threads=N out of the command line, which Google Benchmark reads after us; 1 if it is not
// there, 0 if it is wrong.
std::size_t TakeThreads(int& argc, char** argv) {
  std::size_t threads = 1;
  int kept = 1;
  for (int i = 1; i < argc; ++i) {
    absl::string_view value = argv[i];
    if (!absl::ConsumePrefix(&value, "--threads=")) {
      argv[kept++] = argv[i];
    } else if (!absl::SimpleAtoi(value, &threads)) {
      threads = 0;
    }
  }
  argc = kept;
  return threads;
}

}  // namespace

int RunKernelBenchmarks(int argc, char** argv, RegisterBenchmarks register_all) {
  const std::size_t threads = TakeThreads(argc, argv);
  if (threads == 0) {
    std::fprintf(stderr, "--threads: must be a number from 1\n");
    return 1;
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  server::ThreadPool executor(threads);
  register_all(executor);
  MarkdownReporter reporter;
  benchmark::RunSpecifiedBenchmarks(&reporter);
  return 0;
}

}  // namespace cascade::bench
