// SPDX-License-Identifier: Apache-2.0

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "tools/cascade/bench/report.h"
#include "tools/cascade/status_text.h"

namespace cascade::cli::bench {
namespace {

using std::chrono::nanoseconds;

double Seconds(nanoseconds time) { return std::chrono::duration<double>(time).count(); }

// Three digits or more.
std::string NumberText(double value) {
  const int decimals = value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return absl::StrFormat("%.*f", decimals, value);
}

// In the unit that suits: "85 us", "12.3 ms", "1.24 s".
std::string TimeText(nanoseconds time) {
  const double seconds = Seconds(time);
  if (seconds >= 0.9995) return NumberText(seconds) + " s";
  if (seconds >= 0.9995e-3) return NumberText(seconds * 1e3) + " ms";
  return absl::StrFormat("%.0f us", seconds * 1e6);
}

std::string PercentileText(const Histogram& times, double percent) {
  return times.count() == 0 ? "-" : TimeText(times.Percentile(percent));
}

std::string RateText(std::uint64_t count, nanoseconds elapsed) {
  return NumberText(PerSecond(count, elapsed));
}

double Ratio(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

// "180 OK, 3 RESOURCE_EXHAUSTED, 17 cancelled"
std::string Endings(const Counts& counts) {
  std::vector<std::string> endings;
  for (const auto& [code, ended] : counts.ended_by_server) {
    endings.push_back(absl::StrCat(ended.count, " ", CodeName(code)));
  }
  if (counts.cancelled > 0) endings.push_back(absl::StrCat(counts.cancelled, " cancelled"));
  if (counts.interrupted > 0) endings.push_back(absl::StrCat(counts.interrupted, " interrupted"));
  return absl::StrJoin(endings, ", ");
}

void TimesRow(absl::string_view name, const Histogram& times, std::string& table) {
  if (times.count() == 0) return;
  absl::StrAppendFormat(&table, "  %-19s", name);
  for (const double percent : {50.0, 90.0, 99.0}) {
    absl::StrAppendFormat(&table, "%10s", PercentileText(times, percent));
  }
  absl::StrAppendFormat(&table, "%10s%10d\n", TimeText(times.max()), times.count());
}

std::string TimesTable(const Measurement& run) {
  const Counts& counts = run.result.counts;
  std::string rows;
  TimesRow("first token", counts.first_token, rows);
  TimesRow("between messages", counts.between_messages, rows);
  TimesRow("mean of a token", counts.per_token, rows);
  TimesRow("whole answer", counts.whole_answer, rows);
  TimesRow("refusal", counts.refusal, rows);
  if (run.load.offered.rate) TimesRow("started late by", counts.start_lag, rows);
  if (rows.empty()) return "";
  return absl::StrFormat("\n  %-19s%10s%10s%10s%10s%10s\n%s", "", "p50", "p90", "p99", "max",
                         "samples", rows);
}

std::string Errors(const Counts& counts) {
  std::string text;
  for (const auto& [code, ended] : counts.ended_by_server) {
    if (code == grpc::StatusCode::OK) continue;
    absl::StrAppend(&text, "\n  ", ended.count, " ", CodeName(code), ", such as\n    ",
                    absl::StrReplaceAll(ended.example, {{"\n", "\n    "}}), "\n");
  }
  return text;
}

}  // namespace

double PerSecond(std::uint64_t count, nanoseconds elapsed) {
  return elapsed.count() == 0 ? 0 : static_cast<double>(count) / Seconds(elapsed);
}

std::string Describe(const OfferedLoad& offered) {
  if (offered.rate) return absl::StrCat("open loop, ", *offered.rate, " requests/s");
  return absl::StrCat("closed loop, ", offered.concurrency,
                      offered.concurrency == 1 ? " stream" : " streams");
}

std::string ReportText(const Measurement& run) {
  const Counts& counts = run.result.counts;
  const nanoseconds elapsed = run.result.elapsed;
  return absl::StrCat(
      run.model.name(), " at ", run.server, ": ", Describe(run.load.offered), "\n",
      absl::StrFormat("  %-13s %d in %s: %s\n", "requests", counts.started, TimeText(elapsed),
                      Endings(counts)),
      absl::StrFormat(
          "  %-13s %s answers, %s tokens, %s tokens of prompts (%.0f%% of them cached)\n",
          "per second", RateText(counts.Succeeded(), elapsed),
          RateText(counts.generated_tokens, elapsed), RateText(counts.prompt_tokens, elapsed),
          100 * Ratio(counts.cached_tokens, counts.prompt_tokens)),
      absl::StrFormat("  %-13s %.1f tokens an answer, %.2f a message\n", "mean",
                      Ratio(counts.answer_tokens, counts.Succeeded()),
                      Ratio(counts.generated_tokens, counts.messages)),
      TimesTable(run), Errors(counts));
}

std::string SweepText(std::span<const Measurement> runs) {
  std::string table = absl::StrFormat("%-28s%11s%11s%22s%22s\n", "", "answers", "tokens",
                                      "first token", "between messages");
  absl::StrAppendFormat(&table, "%-28s%11s%11s%11s%11s%11s%11s%9s\n", "", "a second", "a second",
                        "p50", "p99", "p50", "p99", "failed");
  for (const Measurement& run : runs) {
    const Counts& counts = run.result.counts;
    const nanoseconds elapsed = run.result.elapsed;
    absl::StrAppendFormat(&table, "%-28s%11s%11s", Describe(run.load.offered),
                          RateText(counts.Succeeded(), elapsed),
                          RateText(counts.generated_tokens, elapsed));
    for (const Histogram* times : {&counts.first_token, &counts.between_messages}) {
      for (const double percent : {50.0, 99.0}) {
        absl::StrAppendFormat(&table, "%11s", PercentileText(*times, percent));
      }
    }
    absl::StrAppendFormat(&table, "%9d\n", counts.Failed());
  }
  return table;
}

std::string ProgressText(const Counts& counts, nanoseconds elapsed) {
  std::string text =
      absl::StrFormat("%.0f s: %d answered, %d in flight, %d tokens, %s a second", Seconds(elapsed),
                      counts.Succeeded(), counts.InFlight(), counts.generated_tokens,
                      RateText(counts.generated_tokens, elapsed));
  if (counts.Failed() > 0) absl::StrAppend(&text, ", ", counts.Failed(), " failed");
  if (counts.cancelled > 0) absl::StrAppend(&text, ", ", counts.cancelled, " cancelled");
  return text;
}

}  // namespace cascade::cli::bench
