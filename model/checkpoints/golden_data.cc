// SPDX-License-Identifier: Apache-2.0

#include "model/checkpoints/golden_data.h"

#include <algorithm>
#include <cassert>
#include <filesystem>
#include <functional>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "model/checkpoints/golden_reader.h"
#include "model/checkpoints/sha256.h"
#include "model/json_document.h"
#include "model/json_reader.h"
#include "model/sampling/sampling_params.h"
#include "nlohmann/json.hpp"

namespace cascade::model {
namespace {

constexpr absl::string_view kProvenance = "/provenance.json";
constexpr std::size_t kLargestProvenance = 1 << 20;

GoldenBlock ReadBlock(GoldenReader& reader, const ModelConfig& config, std::size_t layer,
                      std::size_t rows) {
  const auto read = [&](absl::string_view module, const std::vector<std::size_t>& shape) {
    return reader.Tensor(absl::StrCat("trace/h.", layer, ".", module), shape);
  };
  const std::vector<std::size_t> hidden = {rows, config.n_embd};
  return {.layer = layer,
          .ln_1 = read("ln_1", hidden),
          .c_attn = read("attn.c_attn", {rows, 3 * config.n_embd}),
          .scores = read("attn.scores", {config.n_head, rows, rows}),
          .attn = read("attn", hidden),
          .ln_2 = read("ln_2", hidden),
          .mlp = read("mlp", hidden)};
}

GoldenCut ReadCut(const nlohmann::json& object, const std::string& file, std::size_t rows,
                  GoldenReader& golden) {
  constexpr std::uint64_t kLargestTopK = std::numeric_limits<std::uint32_t>::max();
  constexpr double kSmallestTopP = 1e-9;
  JsonReader reader(object, file);
  const GoldenCut cut = {
      .row = reader.RequiredInteger("row", 0, rows - 1),
      .temperature =
          static_cast<float>(reader.Number("temperature", kGreedyTemperature, 1e6).value_or(1)),
      .top_k = static_cast<std::uint32_t>(reader.Integer("top_k", 0, kLargestTopK).value_or(0)),
      .top_p = static_cast<float>(reader.Number("top_p", kSmallestTopP, 1).value_or(1)),
      .min_p = static_cast<float>(reader.Number("min_p", 0, 1).value_or(0))};
  golden.Keep(reader.status());
  return cut;
}

GoldenGeneration ReadGeneration(const nlohmann::json& object, const std::string& file,
                                const ModelConfig& config, GoldenReader& golden) {
  JsonReader reader(object, file);
  GoldenGeneration generation{.prompt = reader.String("prompt"),
                              .prompt_ids = reader.Tokens("prompt_ids"),
                              .tokens = reader.Tokens("tokens"),
                              .text = reader.String("text")};
  const auto is_token = [&config](TokenId id) { return id < config.vocab_size; };
  if (generation.prompt_ids.empty() || generation.prompt_ids.size() >= config.n_ctx ||
      !std::ranges::all_of(generation.prompt_ids, is_token)) {
    reader.Refuse("prompt_ids", absl::StrCat("1 to ", config.n_ctx - 1, " ids of the vocabulary"));
  }
  if (generation.tokens.empty() || generation.tokens.size() > kGoldenNewTokens ||
      !std::ranges::all_of(generation.tokens, is_token)) {
    reader.Refuse("tokens", absl::StrCat("1 to ", kGoldenNewTokens, " ids of the vocabulary"));
  }
  generation.tokens_until_eos = reader.RequiredInteger(
      "tokens_until_eos", 1, std::max<std::size_t>(1, generation.tokens.size()));
  golden.Keep(reader.status());
  return generation;
}

absl::Status CheckHash(const std::string& file, const std::string& expected) {
  const absl::StatusOr<std::string> hash = Sha256OfFile(file);
  if (!hash.ok()) return hash.status();
  if (*hash == expected) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("the golden data was made for another model: ", file, " has the SHA-256 hash ",
                   *hash, ", and the golden data is for ", expected));
}

}  // namespace

ConstMatF GoldenTensor::AsMat() const {
  return {values.data(), values.size() / shape.back(), shape.back()};
}

ConstMatF GoldenTensor::At(std::size_t i) const {
  assert(i < shape.front());
  const std::size_t rows = AsMat().rows() / shape.front();
  return AsMat().Rows(i * rows, rows);
}

absl::StatusOr<GoldenData> GoldenData::Open(std::string folder, const ModelConfig& config) {
  const std::string provenance = absl::StrCat(folder, kProvenance);
  std::error_code error;
  if (!std::filesystem::exists(provenance, error)) {
    return absl::NotFoundError(absl::StrCat(provenance, ": no such file"));
  }
  return GoldenData(std::move(folder), config);
}

absl::Status GoldenData::CheckMadeFor(const std::string& model_folder) const {
  const std::string file = absl::StrCat(folder_, kProvenance);
  const absl::StatusOr<std::string> text = ReadTextFile(file, kLargestProvenance);
  if (!text.ok()) return text.status();
  const absl::StatusOr<JsonDocument> provenance = ParseJsonObject(*text, file);
  if (!provenance.ok()) return provenance.status();
  JsonReader reader(**provenance, file);
  const std::optional<std::string> config_hash = reader.String("config_sha256");
  const auto weights = (*provenance)->find("weights_sha256");
  if (!config_hash) reader.Refuse("config_sha256", "the hash of config.json");
  if (weights == (*provenance)->end() || !weights->is_object() || weights->empty()) {
    reader.Refuse("weights_sha256", "an object with the hash of each weight file");
  }
  if (!reader.status().ok()) return reader.status();

  absl::Status status = CheckHash(absl::StrCat(model_folder, "/config.json"), *config_hash);
  for (const auto& [name, hash] : weights->items()) {
    if (!status.ok()) return status;
    // A name is one of the model folder's own files: generate.py records no folders.
    if (!hash.is_string() || name.find('/') != std::string::npos) {
      return absl::InvalidArgumentError(
          absl::StrCat(file, ": weights_sha256: expected names of files and their hashes"));
    }
    status = CheckHash(absl::StrCat(model_folder, "/", name), hash.get<std::string>());
  }
  return status;
}

absl::StatusOr<GoldenTrace> GoldenData::Trace() const {
  GoldenReader reader(folder_);
  GoldenTrace trace;
  trace.tokens = reader.Integers("trace/tokens", config_.vocab_size);
  const std::size_t rows = trace.tokens.size();
  reader.Require(rows <= config_.n_ctx, "trace/tokens.npy", "at most n_ctx tokens");
  trace.hidden = reader.Tensor("trace/hidden", {config_.n_layer + 1, rows, config_.n_embd});
  trace.ln_f = reader.Tensor("trace/ln_f", {rows, config_.n_embd});
  for (const std::size_t layer : {std::size_t{0}, config_.n_layer / 2}) {
    trace.blocks.push_back(ReadBlock(reader, config_, layer, rows));
  }
  return reader.Finish(std::move(trace));
}

absl::StatusOr<GoldenNormalization> GoldenData::Normalization() const {
  GoldenReader reader(folder_);
  GoldenNormalization golden;
  golden.rows = reader.Tensor("layer_norm/rows", {kAnySize, config_.n_embd});
  golden.expected = reader.Tensor("layer_norm/expected", golden.rows.shape);
  return reader.Finish(std::move(golden));
}

absl::StatusOr<GoldenLogits> GoldenData::Logits() const {
  GoldenReader reader(folder_);
  const std::size_t vocab = config_.vocab_size;
  GoldenLogits golden;
  golden.short_tokens = reader.Integers("logits/short.tokens", vocab);
  golden.short_logits = reader.Tensor("logits/short", {golden.short_tokens.size(), vocab});
  golden.context_tokens = reader.Integers("logits/full_context.tokens", vocab);
  reader.Require(golden.short_tokens.size() <= config_.n_ctx, "logits/short.tokens.npy",
                 "at most n_ctx tokens");
  reader.Require(golden.context_tokens.size() == config_.n_ctx, "logits/full_context.tokens.npy",
                 absl::StrCat(config_.n_ctx, " tokens, the whole context"));
  const auto positions = reader.Integers("logits/full_context.positions", config_.n_ctx);
  // Each at most once: the model gives logits of at most n_ctx rows.
  reader.Require(std::ranges::adjacent_find(positions, std::greater_equal<>()) == positions.end(),
                 "logits/full_context.positions.npy", "strictly ascending positions");
  golden.context_positions.assign(positions.begin(), positions.end());
  golden.context_logits = reader.Tensor("logits/full_context", {positions.size(), vocab});
  golden.columns = reader.Integers("logits/prompts.columns", vocab);
  golden.after_prompts = reader.Tensor("logits/prompts", {kAnySize, golden.columns.size()});
  return reader.Finish(std::move(golden));
}

absl::StatusOr<GoldenSampling> GoldenData::Sampling() const {
  GoldenReader reader(folder_);
  const std::size_t vocab = config_.vocab_size;
  GoldenSampling golden;
  golden.argmax = reader.Integers("sampling/argmax", vocab);
  const std::size_t rows = golden.argmax.size();
  golden.logits = reader.Tensor("sampling/logits", {rows, vocab});
  golden.temperatures = reader.Tensor("sampling/temperatures", {kAnySize});
  reader.Require(std::ranges::all_of(golden.temperatures.values,
                                     [](float t) { return t >= kGreedyTemperature; }),
                 "sampling/temperatures.npy", "temperatures above 0");
  golden.softmax =
      reader.Tensor("sampling/softmax", {golden.temperatures.values.size(), rows, vocab});
  const std::string file = absl::StrCat(folder_, "/sampling/cases.json");
  for (const nlohmann::json& object : reader.Objects("sampling/cases")) {
    golden.cuts.push_back(ReadCut(object, file, rows, reader));
  }
  golden.distributions = reader.Tensor("sampling/distributions", {golden.cuts.size(), vocab});
  return reader.Finish(std::move(golden));
}

absl::StatusOr<std::vector<GoldenGeneration>> GoldenData::Generations() const {
  GoldenReader reader(folder_);
  const std::string file = absl::StrCat(folder_, "/generation.json");
  std::vector<GoldenGeneration> generations;
  for (const nlohmann::json& object : reader.Objects("generation")) {
    generations.push_back(ReadGeneration(object, file, config_, reader));
  }
  return reader.Finish(std::move(generations));
}

}  // namespace cascade::model
