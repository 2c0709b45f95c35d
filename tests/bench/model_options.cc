// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/model_options.h"

#include <cstdint>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/str_cat.h"

ABSL_FLAG(std::string, model, "gpt2",
          "gpt2, gpt2-medium, gpt2-large or gpt2-xl: that shape with seeded random weights; or a "
          "Hugging Face folder.");
ABSL_FLAG(std::string, weights, "f32", "How weights lie in memory.");
ABSL_FLAG(std::string, activations, "f32",
          "What weights are multiplied with: f32, or int8 for weights of int8.");
ABSL_FLAG(std::string, kv_type, "f32", "How keys and values lie in memory.");
ABSL_FLAG(std::int32_t, threads, 1, "Threads that run the model.");
ABSL_FLAG(std::string, simd, "auto", "Instructions of the kernels: auto, avx512, avx2, ...");
ABSL_FLAG(std::vector<std::string>, cells,
          std::vector<std::string>({"prefill512", "decode512", "streams8", "streams32"}),
          "What to measure: prefill512, decode512, streams8, streams32, decode1000.");
ABSL_FLAG(std::int32_t, repetitions, 5, "Samples of each cell, after one that does not count.");
ABSL_FLAG(bool, json, false, "Print one JSON object a line and cell instead of a table.");
ABSL_FLAG(std::string, logits, "",
          "Do not measure: run the tokens of --prompt as one step and write the last one's logits "
          "to this file, little-endian float32.");
ABSL_FLAG(std::string, prompt, "", "A text file of token ids, for --logits.");

namespace cascade::bench {
namespace {

constexpr std::int32_t kMaxThreads = 1024;
constexpr std::int32_t kMaxRepetitions = 1000;

// The one of `types` that `name` names.
template <typename Types>
absl::StatusOr<typename Types::value_type> ParseType(absl::string_view flag, absl::string_view name,
                                                     const Types& types) {
  std::string known;
  for (const auto type : types) {
    const std::string own(model::kernels::Name(type));
    if (name == own) return type;
    absl::StrAppend(&known, known.empty() ? "" : ", ", own);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("--", flag, "=", name, ": must be one of ", known));
}

absl::StatusOr<std::size_t> Count(absl::string_view flag, std::int32_t value, std::int32_t most) {
  if (value >= 1 && value <= most) return static_cast<std::size_t>(value);
  return absl::InvalidArgumentError(
      absl::StrCat("--", flag, "=", value, ": must be from 1 to ", most));
}

}  // namespace

absl::StatusOr<ModelOptions> ParseModelOptions(int argc, char** argv) {
  absl::SetProgramUsageMessage("model_bench: tokens per second of a whole model, with no server.");
  const std::vector<char*> positional = absl::ParseCommandLine(argc, argv);
  if (positional.size() > 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("unexpected argument '", positional[1], "': flags are --name=value"));
  }
  ModelOptions options{.model = absl::GetFlag(FLAGS_model),
                       .simd = absl::GetFlag(FLAGS_simd),
                       .json = absl::GetFlag(FLAGS_json),
                       .logits = absl::GetFlag(FLAGS_logits),
                       .prompt = absl::GetFlag(FLAGS_prompt)};
  const auto weights =
      ParseType("weights", absl::GetFlag(FLAGS_weights), model::kernels::kWeightTypes);
  if (!weights.ok()) return weights.status();
  const auto activations =
      ParseType("activations", absl::GetFlag(FLAGS_activations), model::kernels::kActivationTypes);
  if (!activations.ok()) return activations.status();
  const model::kernels::Precision precision(*weights, *activations);
  if (!IsSupported(precision)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--activations=", absl::GetFlag(FLAGS_activations),
                     ": needs --weights=", model::kernels::WeightsBeside(*activations)));
  }
  const auto kv_type = ParseType("kv_type", absl::GetFlag(FLAGS_kv_type), model::kernels::kKvTypes);
  if (!kv_type.ok()) return kv_type.status();
  const auto threads = Count("threads", absl::GetFlag(FLAGS_threads), kMaxThreads);
  if (!threads.ok()) return threads.status();
  const auto repetitions = Count("repetitions", absl::GetFlag(FLAGS_repetitions), kMaxRepetitions);
  if (!repetitions.ok()) return repetitions.status();
  for (const std::string& name : absl::GetFlag(FLAGS_cells)) {
    const absl::StatusOr<Cell> cell = FindCell(name);
    if (!cell.ok()) return cell.status();
    options.cells.push_back(*cell);
  }
  if (options.logits.empty() != options.prompt.empty()) {
    return absl::InvalidArgumentError(
        "--logits and --prompt go together: the one says where to write, the other what to read");
  }
  options.precision = precision;
  options.kv_type = *kv_type;
  options.threads = *threads;
  options.repetitions = *repetitions;
  return options;
}

}  // namespace cascade::bench
