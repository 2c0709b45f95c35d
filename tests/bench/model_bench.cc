// SPDX-License-Identifier: Apache-2.0
// Tokens per second of a whole model, with no server: prefill, decode, and many streams at once.
// One process is one measurement: README.md says what the cells are and how to read them.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "model/cache/kv_cache.h"
#include "model/gpt2.h"
#include "model/kernels/simd_target.h"
#include "server/engine/thread_pool.h"
#include "tests/bench/model_cells.h"
#include "tests/bench/model_options.h"
#include "tests/bench/model_report.h"
#include "tests/bench/model_source.h"

namespace cascade::bench {
namespace {

// Measures what `options` ask for and prints each cell as soon as it is done.
absl::Status Measure(const ModelOptions& options, SourcedModel source, model::Executor& executor) {
  const std::vector<std::span<const std::byte>> matrices = Matrices(source.weights);
  std::size_t max_rows = 1;
  for (const Cell& cell : options.cells) max_rows = std::max(max_rows, cell.rows());
  model::Gpt2 gpt2(source.config, std::move(source.weights), max_rows, executor);
  const BenchModel model{
      .gpt2 = gpt2, .executor = executor, .kv_type = options.kv_type, .matrices = matrices};
  PrintHeader(options);
  for (const Cell& cell : options.cells) {
    const absl::StatusOr<CellResult> result = MeasureCell(cell, options.repetitions, model);
    if (!result.ok()) return result.status();
    PrintCell(options, cell, model, *result);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<model::TokenId>> ReadPrompt(const std::string& file,
                                                       const model::ModelConfig& config) {
  std::ifstream in(file);
  std::vector<model::TokenId> tokens;
  for (model::TokenId token = 0; in >> token;) tokens.push_back(token);
  if (tokens.empty() || !in.eof()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--prompt=", file, ": must hold token ids, separated by whitespace"));
  }
  if (tokens.size() > config.n_ctx) {
    return absl::InvalidArgumentError(absl::StrCat("--prompt=", file, ": ", tokens.size(),
                                                   " tokens; the model has ", config.n_ctx,
                                                   " positions"));
  }
  for (const model::TokenId token : tokens) {
    if (token < config.vocab_size) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "--prompt=", file, ": token ", token, " is beyond the vocabulary of ", config.vocab_size));
  }
  return tokens;
}

// Writes the logits of the prompt's last token.
absl::Status WriteLogits(const ModelOptions& options, SourcedModel source,
                         model::Executor& executor) {
  const auto tokens = ReadPrompt(options.prompt, source.config);
  if (!tokens.ok()) return tokens.status();
  absl::StatusOr<model::KvCache> cache = model::KvCache::Create(
      source.config, model::KvCache::BlocksFor(tokens->size()), options.kv_type);
  if (!cache.ok()) return cache.status();
  model::Gpt2 gpt2(source.config, std::move(source.weights), tokens->size(), executor);
  const model::BlockTable blocks = *cache->TryAllocate(tokens->size());
  model::Batch batch;
  batch.Add(blocks, 0, *tokens);
  const model::RowRange last{.first = tokens->size() - 1, .count = 1};
  const model::StepOutputs outputs = gpt2.Forward(batch, {.logits = {&last, 1}}, *cache);
  const std::span<const float> logits = outputs.logits.Row(0);

  std::ofstream out(options.logits, std::ios::binary);
  out.write(reinterpret_cast<const char*>(logits.data()),
            static_cast<std::streamsize>(logits.size_bytes()));
  out.close();
  if (out) return absl::OkStatus();
  return absl::UnknownError(absl::StrCat("--logits=", options.logits, ": cannot be written"));
}

absl::Status Run(int argc, char** argv) {
  const absl::StatusOr<ModelOptions> options = ParseModelOptions(argc, argv);
  if (!options.ok()) return options.status();
  const absl::Status simd = model::kernels::SetSimdTarget(options->simd);
  if (!simd.ok()) return simd;
  server::ThreadPool executor(options->threads);
  absl::StatusOr<SourcedModel> source = SourceModel(options->model, options->precision, executor);
  if (!source.ok()) return source.status();
  return options->logits.empty() ? Measure(*options, *std::move(source), executor)
                                 : WriteLogits(*options, *std::move(source), executor);
}

}  // namespace
}  // namespace cascade::bench

int main(int argc, char** argv) {
  const absl::Status status = cascade::bench::Run(argc, argv);
  if (status.ok()) return 0;
  std::fprintf(stderr, "model_bench: %s\n", std::string(status.message()).c_str());
  return 1;
}
