// SPDX-License-Identifier: Apache-2.0

#include "tests/hostile/hostile.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tests/support/source_path.h"

namespace cascade::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

// Beside what a quiet server has: threads of gRPC, and descriptors while no connection but a few is
// open. Attacks of many connections are bounded by --max_connections instead.
constexpr std::size_t kMostNewThreads = 64;

// What may stay resident when an attack is over: memory that the allocator keeps for later.
constexpr std::size_t kMostKeptBytes = std::size_t{192} << 20;

// Nobody waits so long for what should happen at once: the end of a process, and memory given back.
constexpr seconds kLastResort{60};
constexpr seconds kPatience{10};

constexpr std::size_t kMiB = 1 << 20;

// How long each attack lasts, if it does not end by itself.
seconds Duration() {
  const char* text = std::getenv("HOSTILE_SECONDS");
  int value = 0;
  return seconds(text != nullptr && absl::SimpleAtoi(text, &value) ? value : 1);
}

bool MemoryTellsNothing() {
#ifdef CASCADE_MEMORY_IS_QUARANTINED
  return true;  // a sanitizer keeps what was freed
#else
  return false;
#endif
}

}  // namespace

void Hostile::SetUpTestSuite() {
  std::printf(
      "| attack | health p50 / p99 ms | stream's gap p50 / p99 ms | answers (refused, cut) "
      "| peak MiB | afterwards | threads | descriptors | held |\n"
      "|---|---|---|---|---|---|---|---|---|\n");
}

void Hostile::Serve(const std::vector<std::string>& flags, const std::string& preamble) {
  // The bystanders come through a socket of their own: a peer that is not the attacker.
  const std::string socket = "unix:" + folder_.PathOf("socket");
  std::vector<std::string> arguments = {"--model=" + BundledModelFolder(),
                                        "--listen=127.0.0.1:0," + socket, "--kv_cache_bytes=256MiB",
                                        "--call_memory_bytes=64MiB", "--drain_seconds=2"};
  if (!MemoryTellsNothing()) arguments.push_back("--memory_bytes=512MiB");
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  server_ = std::make_unique<ServerProcess>(
      arguments, std::vector<std::string>{"sh", "-c", preamble + " exec \"$@\"", "sh"});
  address_ = server_->Address();
  bystanders_ = std::make_unique<Bystanders>(socket, server_->pid(), credentials_);
  before_ = MeasureUsage(server_->pid());
  ResetPeak(server_->pid());
}

void Hostile::Expect(bool holds, const std::string& what) {
  EXPECT_TRUE(holds) << what;
  all_held_ = all_held_ && holds;
}

void Hostile::Attack(const std::function<void(Time until)>& attack) {
  bystanders_->Start();
  attack(steady_clock::now() + Duration());
  bystanders_->Stop();
  peak_bytes_ = MeasureUsage(server_->pid()).peak_resident_bytes;
}

void Hostile::CheckAnswersAndSizes() {
  const Bystanders::Observations& seen = bystanders_->Stop();
  std::set<std::string> wrong(seen.wrong.begin(), seen.wrong.end());
  if (!may_be_cut_) wrong.insert(seen.cuts.begin(), seen.cuts.end());
  for (const std::string& what : wrong) Expect(false, what);
  Expect(seen.answers > 0 || may_be_refused_, "the well-behaved stream got no answer");
  Expect(seen.refusals == 0 || may_be_refused_, "the well-behaved stream was refused");
  Expect(seen.most_threads <= before_.threads + kMostNewThreads,
         absl::StrCat("the server had ", seen.most_threads, " threads"));
  Expect(peak_bytes_ <= kMostResident || MemoryTellsNothing(),
         absl::StrCat("the server had ", peak_bytes_ / kMiB, " MiB"));
}

void Hostile::End(const std::string& name) {
  CheckAnswersAndSizes();
  // Connections end a moment after they are closed here, and their memory is freed with them.
  const auto give_up = steady_clock::now() + kPatience;
  std::string wrong;
  do {
    wrong = bystanders_->AskOnce();
    after_ = MeasureUsage(server_->pid());
    const bool is_back = after_.resident_bytes <= before_.resident_bytes + kMostKeptBytes;
    if (wrong.empty() && (is_back || MemoryTellsNothing())) break;
  } while (steady_clock::now() < give_up && !server_->WaitFor(milliseconds(10)).has_value());
  Expect(wrong.empty(), absl::StrCat("afterwards, ", wrong));
  Expect(after_.resident_bytes <= before_.resident_bytes + kMostKeptBytes || MemoryTellsNothing(),
         absl::StrCat("the server kept ", after_.resident_bytes / kMiB, " MiB"));
  Terminate();
  PrintRow(name);
}

void Hostile::Terminate() {
  server_->Signal(SIGTERM);
  const std::optional<int> status = server_->WaitFor(kLastResort);
  Expect(status == 0, status.has_value() ? absl::StrCat("the server ended with ", *status)
                                         : std::string("SIGTERM did not end the server"));
  if (HasFailure()) {
    constexpr std::size_t kTail = 2000;
    const std::string log = server_->StandardError();
    std::printf("the server's log ends with\n%s\n",
                log.substr(log.size() - std::min(log.size(), kTail)).c_str());
  }
}

void Hostile::PrintRow(const std::string& name) const {
  const Bystanders::Observations& seen = bystanders_->Stop();
  absl::PrintF("| %s | %.1f / %.1f | %.1f / %.1f | %d (%d, %d) | %d | %d | %d | %d | %s |\n", name,
               Percentile(seen.health, 50), Percentile(seen.health, 99), Percentile(seen.gaps, 50),
               Percentile(seen.gaps, 99), seen.answers, seen.refusals, seen.cuts.size(),
               peak_bytes_ / kMiB, after_.resident_bytes / kMiB, seen.most_threads,
               seen.most_descriptors, all_held_ ? "yes" : "NO");
  std::fflush(stdout);
}

}  // namespace cascade::testing
