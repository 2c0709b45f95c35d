// SPDX-License-Identifier: Apache-2.0

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/time/time.h"
#include "tools/cascade/bench/report.h"
#include "tools/cascade/status_text.h"

namespace cascade::cli::bench {
namespace {

using Json = nlohmann::ordered_json;
using std::chrono::nanoseconds;

constexpr double kPercents[] = {0, 10, 25, 50, 75, 90, 95, 99, 99.9, 100};

double Seconds(nanoseconds time) { return std::chrono::duration<double>(time).count(); }

// null for no limit.
Json SecondsOrNull(absl::Duration time) {
  return time == absl::InfiniteDuration() ? Json() : Json(absl::ToDoubleSeconds(time));
}

Json TimesJson(const Histogram& times) {
  Json percentiles = Json::array();
  for (const double percent : kPercents) {
    if (times.count() == 0) break;
    percentiles.push_back({percent, Seconds(times.Percentile(percent))});
  }
  return {{"count", times.count()},
          {"mean", Seconds(times.Mean())},
          {"min", Seconds(times.min())},
          {"p50", Seconds(times.Percentile(50))},
          {"p90", Seconds(times.Percentile(90))},
          {"p99", Seconds(times.Percentile(99))},
          {"max", Seconds(times.max())},
          {"percentiles", percentiles}};
}

Json ModelJson(const v1::GetModelResponse& model) {
  return {{"name", model.name()},
          {"fingerprint", model.fingerprint()},
          {"server_version", model.version()},
          {"weights", model.weights().memory_type()},
          {"activations", model.weights().activation_type()},
          {"kv_cache", model.kv_cache().type()}};
}

Json SettingsJson(const Measurement& run) {
  const WorkloadOptions& workload = run.workload;
  const LoadOptions& load = run.load;
  const bool open = load.offered.rate.has_value();
  return {{"loop", open ? "open" : "closed"},
          {"rate", open ? Json(*load.offered.rate) : Json()},
          {"concurrency", open ? Json() : Json(load.offered.concurrency)},
          {"requests", load.requests ? Json(*load.requests) : Json()},
          {"duration", SecondsOrNull(load.duration)},
          {"timeout", SecondsOrNull(load.timeout)},
          {"connections", run.connections},
          {"max_in_flight", load.max_in_flight},
          {"prompt_tokens", workload.prompt_tokens.text()},
          {"output_tokens", workload.output_tokens.text()},
          {"shared_prefix_tokens", workload.shared_prefix_tokens},
          {"cancel_rate", workload.cancel_rate},
          {"slow_readers", workload.slow_readers},
          {"read_delay", absl::ToDoubleSeconds(workload.read_delay)},
          {"ignore_eos", workload.ignore_eos},
          {"temperature", workload.temperature},
          {"speculation", workload.speculation ? Json(*workload.speculation) : Json()},
          {"bypass_cache", workload.bypass_cache},
          {"seed", workload.seed}};
}

Json RequestsJson(const Counts& counts) {
  Json by_code = Json::object();
  Json errors = Json::array();
  for (const auto& [code, ended] : counts.ended_by_server) {
    by_code[CodeName(code)] = ended.count;
    if (code == grpc::StatusCode::OK) continue;
    errors.push_back(
        {{"code", CodeName(code)}, {"count", ended.count}, {"example", ended.example}});
  }
  return {{"started", counts.started},           {"by_code", by_code},
          {"cancelled", counts.cancelled},       {"interrupted", counts.interrupted},
          {"slow_readers", counts.slow_readers}, {"errors", errors}};
}

Json TokensJson(const Counts& counts) {
  return {{"prompt", counts.prompt_tokens},
          {"cached", counts.cached_tokens},
          {"generated", counts.generated_tokens},
          {"in_answers", counts.answer_tokens},
          {"messages", counts.messages}};
}

Json RatesJson(const LoadResult& result) {
  const Counts& counts = result.counts;
  return {{"started", PerSecond(counts.started, result.elapsed)},
          {"answers", PerSecond(counts.Succeeded(), result.elapsed)},
          {"prompt_tokens", PerSecond(counts.prompt_tokens, result.elapsed)},
          {"generated_tokens", PerSecond(counts.generated_tokens, result.elapsed)},
          {"tokens_in_answers", PerSecond(counts.answer_tokens, result.elapsed)}};
}

Json LatencyJson(const Counts& counts) {
  return {{"first_token", TimesJson(counts.first_token)},
          {"between_messages", TimesJson(counts.between_messages)},
          {"per_token", TimesJson(counts.per_token)},
          {"whole_answer", TimesJson(counts.whole_answer)},
          {"refusal", TimesJson(counts.refusal)},
          {"start_lag", TimesJson(counts.start_lag)}};
}

}  // namespace

std::string ReportJson(const Measurement& run) {
  const Json report = {
      {"started", absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", run.started, absl::UTCTimeZone())},
      {"server", run.server},
      {"model", ModelJson(run.model)},
      {"settings", SettingsJson(run)},
      {"elapsed", Seconds(run.result.elapsed)},
      {"interrupted", run.result.interrupted},
      {"requests", RequestsJson(run.result.counts)},
      {"tokens", TokensJson(run.result.counts)},
      {"per_second", RatesJson(run.result)},
      {"latency", LatencyJson(run.result.counts)}};
  // A server may have sent anything as its message.
  return report.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace cascade::cli::bench
