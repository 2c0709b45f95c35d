// SPDX-License-Identifier: Apache-2.0
// What the smaller types of weights and cache cost in quality: perplexity of a text, errors of the
// logits against float32, and how often the likeliest token is the same. README.md has more.
#include "tests/support/quality.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "model/kernels/element_types.h"
#include "model/source/model_source.h"
#include "model/tokenizer/tokenizer.h"
#include "model/weights/gpt2_weights.h"
#include "server/engine/thread_pool.h"

ABSL_FLAG(std::string, model, "", "A Hugging Face folder.");
ABSL_FLAG(std::string, text, "", "A UTF-8 text that the model has not been trained on.");
ABSL_FLAG(std::uint32_t, threads, 1, "Threads that run the models. Never changes a result.");

namespace cascade::bench {
namespace {

using model::kernels::KvType;
using model::kernels::Precision;
using model::kernels::WeightType;

constexpr std::size_t kRows = 64;  // of a step: logits of so many rows are held twice

struct Loaded {
  std::unique_ptr<model::Gpt2> gpt2;
  std::size_t matrix_bytes;
};

struct Folder {
  std::string path;
  model::ModelConfig config;
  std::vector<model::TokenId> tokens;  // of the text, behind an <|endoftext|>
};

absl::StatusOr<Folder> Open(const std::string& path, const std::string& text) {
  const std::unique_ptr<model::ModelSource> source = model::OpenModelSource(path);
  absl::StatusOr<model::ModelConfig> config = source->ReadConfig();
  if (!config.ok()) return config.status();
  const absl::StatusOr<model::Tokenizer> tokenizer = source->ReadTokenizer();
  if (!tokenizer.ok()) return tokenizer.status();
  std::ifstream in(text, std::ios::binary);
  const std::string contents{std::istreambuf_iterator<char>(in), {}};
  if (!in || contents.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("--text=", text, ": must be a file with text"));
  }
  auto encoded = tokenizer->Encode(contents, model::SpecialTokens::kAsText);
  if (!encoded.ok()) return encoded.status();
  if (const auto end = tokenizer->end_of_text()) encoded->insert(encoded->begin(), *end);
  return Folder{path, *std::move(config), *std::move(encoded)};
}

absl::StatusOr<Loaded> Load(const Folder& folder, const Precision& precision,
                            model::Executor& executor) {
  const std::unique_ptr<model::ModelSource> source = model::OpenModelSource(folder.path);
  auto loaded = model::LoadWeights(
      *source, folder.config, {.type = precision.weights, .activations = precision.activations},
      executor);
  if (!loaded.ok()) return loaded.status();
  return Loaded{
      std::make_unique<model::Gpt2>(folder.config, std::move(loaded->weights), kRows, executor),
      loaded->report.memory_bytes};
}

void PrintRow(const Precision& precision, KvType cache, std::size_t bytes,
              const testing::Quality& quality) {
  const double change = quality.perplexity / quality.reference_perplexity - 1;
  absl::PrintF("| %s | %s | %.1f | %.3f | %+.2f %% | %.2g | %.2g | %.2f %% |\n", Name(precision),
               std::string(Name(cache)), static_cast<double>(bytes) / 1e6, quality.perplexity,
               100 * change, quality.mean_error, quality.max_error, 100 * quality.agreement);
  std::fflush(stdout);
}

absl::Status Run() {
  const auto folder = Open(absl::GetFlag(FLAGS_model), absl::GetFlag(FLAGS_text));
  if (!folder.ok()) return folder.status();
  server::ThreadPool executor(std::max(1U, absl::GetFlag(FLAGS_threads)));
  const auto reference = Load(*folder, WeightType::kF32, executor);
  if (!reference.ok()) return reference.status();

  absl::PrintF("%s, %d predictions\n\n", folder->path, folder->tokens.size() - 1);
  absl::PrintF(
      "| weights | cache | MB | perplexity | against f32 | mean error | largest error | same "
      "likeliest |\n|---|---|---:|---:|---:|---:|---:|---:|\n");
  for (const Precision& precision : model::kernels::kPrecisions) {
    const auto candidate = Load(*folder, precision, executor);
    if (!candidate.ok()) return candidate.status();
    for (const KvType cache : model::kernels::kKvTypes) {
      // The cache's types with the exact weights, the weights' types with the exact cache.
      if (precision != WeightType::kF32 && cache != KvType::kF32) continue;
      const auto quality =
          testing::MeasureQuality({*candidate->gpt2, cache}, {*reference->gpt2}, folder->tokens);
      if (!quality.ok()) return quality.status();
      PrintRow(precision, cache, candidate->matrix_bytes, *quality);
    }
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace cascade::bench

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage(
      "model_quality --model=FOLDER --text=FILE: what smaller weights and caches cost.");
  absl::ParseCommandLine(argc, argv);
  const absl::Status status = cascade::bench::Run();
  if (status.ok()) return 0;
  std::fprintf(stderr, "model_quality: %s\n", std::string(status.message()).c_str());
  return 1;
}
