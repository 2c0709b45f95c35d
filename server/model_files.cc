// SPDX-License-Identifier: Apache-2.0

#include "server/model_files.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "model/config.h"
#include "model/executor.h"
#include "model/kernels/element_types.h"
#include "model/source/model_source.h"
#include "model/weights/weight_files.h"
#include "server/engine/clock.h"
#include "server/observability/logs.h"
#include "server/options.h"

namespace cascade::server {
namespace {

constexpr absl::Duration kBetweenProgressLines = absl::Seconds(2);

// Tokens may be added to a tokenizer that the model has no rows for, "[PAD]" above all; but not the
// tokens that every text is made of.
absl::Status CheckVocabulary(const model::Tokenizer& tokenizer, const model::ModelConfig& config) {
  if (tokenizer.base_vocab_size() <= config.vocab_size) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "the tokenizer has ", tokenizer.base_vocab_size(),
      " tokens, but the model has embeddings for ", config.vocab_size,
      " (config.json: vocab_size); --tokenizer=FOLDER names another tokenizer, --tokenizer=none "
      "serves token ids"));
}

absl::StatusOr<model::Tokenizer> ReadTokenizer(const model::ModelSource& source,
                                               const model::ModelConfig& config,
                                               const Options& options) {
  if (options.tokenizer == "none") return model::Tokenizer::None();
  absl::StatusOr<model::Tokenizer> tokenizer =
      options.tokenizer == "auto" ? source.ReadTokenizer()
                                  : model::OpenModelSource(options.tokenizer)->ReadTokenizer();
  if (absl::IsInvalidArgument(tokenizer.status()) || absl::IsNotFound(tokenizer.status())) {
    return absl::Status(tokenizer.status().code(),
                        absl::StrCat(tokenizer.status().message(),
                                     "; --tokenizer=none serves the model without a tokenizer"));
  }
  if (!tokenizer.ok()) return tokenizer;
  if (absl::Status status = CheckVocabulary(*tokenizer, config); !status.ok()) return status;
  return tokenizer;
}

void LogWarnings(const model::Tokenizer& tokenizer, const model::ModelConfig& config) {
  for (const std::string& warning : tokenizer.warnings()) {
    Log(LogLevel::kWarning, "some transformers reads this tokenizer otherwise",
        {{"warning", warning}});
  }
  if (tokenizer.vocab_size() <= config.vocab_size) return;
  Log(LogLevel::kWarning, "the tokenizer has added tokens that the model does not: not accepted",
      {{"tokens", tokenizer.vocab_size() - config.vocab_size}, {"from_id", config.vocab_size}});
}

// Reads the tokenizer in a thread of its own. Borrows its arguments.
class TokenizerReader {
 public:
  TokenizerReader(const model::ModelSource& source, const model::ModelConfig& config,
                  const Options& options)
      : future_(std::async(std::launch::async,
                           [&] { return ReadTokenizer(source, config, options); })) {}

  // The error, if reading has failed by now; OK if it has succeeded or still goes on.
  absl::Status Poll() {
    if (future_.valid() && future_.wait_for(std::chrono::seconds(0)) == std::future_status::ready) {
      result_ = future_.get();
    }
    return future_.valid() ? absl::OkStatus() : result_.status();
  }

  // Waits until reading has ended. Call it once.
  absl::StatusOr<model::Tokenizer> Wait() {
    if (future_.valid()) result_ = future_.get();
    return std::move(result_);
  }

 private:
  std::future<absl::StatusOr<model::Tokenizer>> future_;  // invalid once its value is in result_
  absl::StatusOr<model::Tokenizer> result_;
};

// Logs how far loading is, at most one line each kBetweenProgressLines.
class ProgressLines {
 public:
  void OnProgress(std::size_t done, std::size_t total) {
    if (MonotonicNow() < next_) return;
    next_ = MonotonicNow() + kBetweenProgressLines;
    Log(LogLevel::kInfo, "loading weights", {{"done_bytes", done}, {"total_bytes", total}});
  }

 private:
  absl::Time next_ = MonotonicNow() + kBetweenProgressLines;
};

void LogPackedFile(const std::string& path, const model::PackedFileOutcome& outcome) {
  const bool is_shared = outcome.reason_not_shared.empty();
  const LogField shared("shared",
                        is_shared ? "yes" : absl::StrCat("no: ", outcome.reason_not_shared));
  switch (outcome.use) {
    case model::PackedFileUse::kNone:
      break;
    case model::PackedFileUse::kRead:
      Log(LogLevel::kInfo, "packed weights read", {{"path", path}, shared});
      break;
    case model::PackedFileUse::kMade:
      Log(LogLevel::kInfo, "packed weights made",
          {{"path", path}, {"reason", outcome.reason}, shared});
      break;
    case model::PackedFileUse::kFailed:
      Log(LogLevel::kWarning,
          "packed weights cannot be kept: this process has them in its own memory",
          {{"path", path}, {"reason", outcome.reason}});
      break;
  }
}

}  // namespace

std::string PackedWeightsPath(const Options& options) {
  if (options.packed_weights_cache.empty()) return "";
  std::string name = options.model_name;  // which may be "openai/gpt2"
  std::ranges::replace_if(
      name, [](char c) { return !absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '-'; },
      '_');
  const std::string type =
      options.weights ? Name(model::kernels::Precision(*options.weights, options.activations))
                      : "auto";
  const bool beside = options.packed_weights_cache == "beside";
  return absl::StrCat(beside ? options.model : options.packed_weights_cache, "/", name, ".", type,
                      ".packed");
}

absl::Status CheckModelFiles(const model::ModelSource& source, const model::ModelConfig& config,
                             const Options& options) {
  absl::Status status = ReadTokenizer(source, config, options).status();
  if (status.ok()) status = source.OpenWeights().status();
  return status;
}

absl::StatusOr<ModelFiles> LoadModelFiles(const model::ModelSource& source,
                                          const model::ModelConfig& config, const Options& options,
                                          model::Executor& executor) {
  TokenizerReader reader(source, config, options);
  ProgressLines lines;
  model::LoadOptions load;
  load.type = options.weights;
  load.activations = options.activations;
  load.packed_file = PackedWeightsPath(options);
  load.share_packed_file = true;
  load.on_progress = [&](std::size_t done, std::size_t total) {
    lines.OnProgress(done, total);
    return reader.Poll();  // a broken tokenizer need not wait for the last of the weights
  };
  absl::StatusOr<model::LoadedWeights> weights = model::LoadWeights(source, config, load, executor);
  if (!weights.ok()) return weights.status();
  LogPackedFile(load.packed_file, weights->packed_file);
  absl::StatusOr<model::Tokenizer> tokenizer = reader.Wait();
  if (!tokenizer.ok()) return tokenizer.status();
  LogWarnings(*tokenizer, config);
  return ModelFiles{.tokenizer = *std::move(tokenizer), .weights = *std::move(weights)};
}

}  // namespace cascade::server
