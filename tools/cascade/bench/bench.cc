// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <memory>
#include <optional>
#include <random>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/cascade/bench/load.h"
#include "tools/cascade/bench/number_list.h"
#include "tools/cascade/bench/progress_line.h"
#include "tools/cascade/bench/report.h"
#include "tools/cascade/commands.h"
#include "tools/cascade/interrupt.h"

namespace cascade::cli {
namespace {

using bench::Counts;
using bench::Load;
using bench::LoadOptions;
using bench::LoadResult;
using bench::NumberList;
using bench::OfferedLoad;
using bench::Workload;
using bench::WorkloadOptions;

constexpr absl::string_view kDetails = R"(
Sends requests of random tokens and tells how fast they are answered. In a closed loop --concurrency
clients each wait for an answer before they ask again; in an open loop requests come --rate times a
second, as a Poisson process, whether the server keeps up or not, and their times count from when
they were due. Several loads with commas between them are a sweep: a run for each, and a table.

Lengths are 128, uniform:16-256, lognormal:MEDIAN-MAX or list:16,64,512. The same --seed sends the
same requests at the same times. Each run has a salt of its own, so that it finds nothing of an
earlier one in the server's prefix cache; --cache_salt names one to find again.

  first token        from the request to the first message with a token
  between messages   of one answer; a message may bring several tokens
  mean of a token    in one answer, after its first message
  whole answer       from the request to the end, if that was OK
  refusal            from the request to RESOURCE_EXHAUSTED

Percentiles are within 0.1 %; slow readers are in none of these. --timeout is each call's deadline.
Ctrl-C ends it with a report of what there is. Exit status: 1 if nothing was answered, or if there
were errors other than RESOURCE_EXHAUSTED, DEADLINE_EXCEEDED and a slow reader's ABORTED.

  cascade bench --concurrency=8 --requests=100
  cascade bench --rate=2,4,8,16 --duration=30s --prompt_tokens=lognormal:100-400 --json_file=runs.json
  cascade bench --concurrency=32 --shared_prefix_tokens=96 --cancel_rate=0.1 --slow_readers=0.1
)";

// Names that differ from one run of the program to the next.
std::string RandomName() {
  std::random_device device;
  return absl::StrFormat("bench-%08x%08x", device(), device());
}

// Errors that load, deadlines and slow readers do not explain.
bool HasOtherErrors(const Counts& counts) {
  for (const auto& [code, ended] : counts.ended_by_server) {
    const bool explained = code == grpc::StatusCode::OK ||
                           code == grpc::StatusCode::RESOURCE_EXHAUSTED ||
                           code == grpc::StatusCode::DEADLINE_EXCEEDED ||
                           (code == grpc::StatusCode::ABORTED && counts.slow_readers > 0);
    if (!explained) return true;
  }
  return false;
}

class BenchCommand : public Command {
 public:
  Description description() const override {
    return {.name = "bench",
            .arguments = "",
            .summary = "Loads the server and measures it.",
            .details = kDetails,
            .timeout = kGenerationTimeout};
  }

  void AddFlags(Flags& flags) override {
    flags.Add("concurrency", "N,...", "closed loop: clients that wait for their answers (1)",
              &concurrency_);
    flags.Add("rate", "R,...", "open loop: requests a second", &rate_);
    flags.Add("requests", "N", "start no more than this many in a run", &requests_);
    flags.Add("duration", "TIME", "start none after this long (30s, unless there is --requests)",
              &duration_);
    flags.Add("prompt_tokens", "LENGTHS", "of prompts (128)", &workload_.prompt_tokens);
    flags.Add("output_tokens", "LENGTHS", "most tokens to generate (64)", &workload_.output_tokens);
    flags.Add("shared_prefix_tokens", "N", "first tokens that all prompts have in common",
              &workload_.shared_prefix_tokens);
    flags.Add("cancel_rate", "P", "share of requests that are cancelled after some of the tokens",
              &workload_.cancel_rate);
    flags.Add("slow_readers", "P", "share of requests whose answers are read slowly",
              &workload_.slow_readers);
    flags.Add("read_delay", "TIME", "what a slow reader waits after each message (100ms)",
              &workload_.read_delay);
    flags.Add("ignore_eos", "", "go on after the model's end-of-text token", &workload_.ignore_eos);
    flags.Add("temperature", "T", "0 is greedy, which on random prompts repeats itself (1)",
              &workload_.temperature);
    flags.Add("speculation", "BOOL", "draft tokens ahead (true)", &workload_.speculation);
    flags.Add("bypass_cache", "", "neither use nor feed the prefix cache", &workload_.bypass_cache);
    flags.Add("cache_salt", "TEXT", "use this one in every run (one for each run)", &cache_salt_);
    flags.Add("seed", "N", "of lengths, prompts, sampling and arrivals (0)", &workload_.seed);
    flags.Add("connections", "N", "over which the requests go by turns (8)", &connections_);
    flags.Add("max_in_flight", "N", "open loop: no more requests at once (10000)", &max_in_flight_);
    flags.Add("json_file", "FILE", "write a JSON object for each run there, one a line",
              &json_file_);
  }

  ExitCode Run(const std::vector<std::string>& arguments, const CallOptions& options,
               Console& console) override {
    if (!arguments.empty()) return UsageError("takes no arguments", console);
    if (const std::string wrong = WhatIsWrong(); !wrong.empty()) return UsageError(wrong, console);
    std::ofstream json_file;
    if (!json_file_.empty()) {
      json_file.open(json_file_);
      if (!json_file) return UsageError(absl::StrCat("cannot write ", json_file_), console);
    }
    std::stop_source stop;
    const Interrupt interrupt([&stop] { stop.request_stop(); });
    v1::GetModelResponse model;
    if (const ExitCode code = Ask(options, stop.get_token(), model, console);
        code != ExitCode::kOk) {
      return code;
    }
    Session session{options, stop.get_token(), model, Connect(options), console, json_file};
    return RunAll(session);
  }

 private:
  // What all runs of a sweep have in common.
  struct Session {
    const CallOptions& options;
    std::stop_token stop;
    const v1::GetModelResponse& model;
    std::vector<std::unique_ptr<v1::TextGeneration::Stub>> stubs;
    Console& console;
    std::ofstream& json_file;
  };

  std::string WhatIsWrong() const {
    if (!rate_.values.empty() && !concurrency_.values.empty()) {
      return "give either --rate (open loop) or --concurrency (closed loop)";
    }
    if (requests_ == 0U) return "--requests must be at least 1";
    if (duration_ && *duration_ <= absl::ZeroDuration()) return "--duration must be above 0";
    if (connections_ < 1 || connections_ > 1000) return "--connections is a number from 1 to 1000";
    if (max_in_flight_ < 1) return "--max_in_flight must be at least 1";
    return "";
  }

  // What the server serves: also the proof that one is there.
  static ExitCode Ask(const CallOptions& options, const std::stop_token& stop,
                      v1::GetModelResponse& model, Console& console) {
    grpc::ClientContext context;
    const std::stop_callback cancel(stop, [&context] { context.TryCancel(); });
    Connection connection(options);
    connection.SetDeadline(context);
    const grpc::Status status = connection.text_generation().GetModel(&context, {}, &model);
    if (stop.stop_requested()) {
      console.Complain("interrupted");
      return ExitCode::kInterrupted;
    }
    if (status.ok()) return ExitCode::kOk;
    console.Complain(connection.Explain(status));
    return ExitCode::kFailed;
  }

  // Connected before the first request, which would wait for it otherwise.
  std::vector<std::unique_ptr<v1::TextGeneration::Stub>> Connect(const CallOptions& options) const {
    std::vector<std::shared_ptr<grpc::Channel>> channels;
    const std::vector<std::string> servers = ServersOf(options);
    for (std::size_t i = 0; i < std::max<std::size_t>(connections_, servers.size()); ++i) {
      channels.push_back(
          MakeChannel(options, servers[i % servers.size()], /*own_connection=*/true));
      channels.back()->GetState(/*try_to_connect=*/true);
    }
    std::vector<std::unique_ptr<v1::TextGeneration::Stub>> stubs;
    for (const std::shared_ptr<grpc::Channel>& channel : channels) {
      channel->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(5));
      stubs.push_back(v1::TextGeneration::NewStub(channel));
    }
    return stubs;
  }

  std::vector<OfferedLoad> Loads() const {
    std::vector<OfferedLoad> loads;
    for (const double rate : rate_.values) loads.push_back({.concurrency = 0, .rate = rate});
    for (const std::uint32_t concurrency : concurrency_.values) {
      loads.push_back({.concurrency = concurrency, .rate = std::nullopt});
    }
    if (loads.empty()) loads.emplace_back();
    return loads;
  }

  // A sweep ends early at a load under which nothing was answered: a higher one will do no better.
  ExitCode RunAll(Session& session) const {
    const std::string salt = RandomName();
    std::vector<bench::Measurement> runs;
    bool all_well = true;
    for (const OfferedLoad& offered : Loads()) {
      absl::StatusOr<Workload> workload = Workload::Create(
          workload_, session.model,
          cache_salt_.empty() ? absl::StrCat(salt, "-", runs.size()) : cache_salt_);
      if (!workload.ok()) return UsageError(workload.status().message(), session.console);
      if (!runs.empty() && !session.options.json) session.console.Write("\n");
      runs.push_back(RunOne(offered, *workload, session));
      Report(runs.back(), session);
      const Counts& counts = runs.back().result.counts;
      const bool answered = counts.Succeeded() + counts.cancelled > 0;
      if (!answered || HasOtherErrors(counts)) all_well = false;
      if (!answered || runs.back().result.interrupted) break;
    }
    if (runs.size() > 1 && !session.options.json) {
      session.console.Write(absl::StrCat("\n", bench::SweepText(runs)));
    }
    if (runs.back().result.interrupted) {
      session.console.Complain("interrupted");
      return ExitCode::kInterrupted;
    }
    return all_well ? ExitCode::kOk : ExitCode::kFailed;
  }

  bench::Measurement RunOne(const OfferedLoad& offered, const Workload& workload,
                            Session& session) const {
    LoadOptions options;
    options.offered = offered;
    options.requests = requests_;
    if (duration_ || !requests_) options.duration = duration_.value_or(absl::Seconds(30));
    options.max_in_flight = max_in_flight_;
    options.timeout = session.options.timeout;
    options.seed = workload_.seed;

    bench::ProgressLine line(session.console);
    const std::string load = bench::Describe(offered);
    const absl::Time started = absl::Now();
    Load run(options, workload, session.stubs);
    LoadResult result =
        run.Run(session.stop, line.interval(), [&line, &load](const Counts& counts, auto elapsed) {
          line.Show(absl::StrCat(load, ", ", bench::ProgressText(counts, elapsed)));
        });
    line.Clear();
    return {.started = started,
            .server = session.options.server,
            .model = session.model,
            .workload = workload_,
            .load = options,
            .connections = session.stubs.size(),
            .result = std::move(result)};
  }

  static void Report(const bench::Measurement& run, Session& session) {
    const std::string json = bench::ReportJson(run);
    session.console.Write(session.options.json ? json : bench::ReportText(run));
    if (!session.json_file.is_open()) return;
    session.json_file << json << std::flush;
    if (!session.json_file) session.console.Complain("the JSON file cannot be written");
  }

  WorkloadOptions workload_;
  NumberList<std::uint32_t> concurrency_;
  NumberList<double> rate_;
  std::optional<std::uint64_t> requests_;
  std::optional<absl::Duration> duration_;
  std::string cache_salt_;
  std::uint32_t connections_ = 8;
  std::uint32_t max_in_flight_ = 10'000;
  std::string json_file_;
};

}  // namespace

std::unique_ptr<Command> MakeBenchCommand() { return std::make_unique<BenchCommand>(); }

}  // namespace cascade::cli
