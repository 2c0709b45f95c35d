// SPDX-License-Identifier: Apache-2.0

#include "tests/determinism/test_model.h"

#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "model/kernels/activations.h"
#include "model/source/model_source.h"
#include "tests/support/random_weights.h"

namespace cascade::testing {
namespace {

using model::kernels::Activation;
using model::kernels::ActivationType;
using model::kernels::KvType;
using model::kernels::Precision;

constexpr std::uint64_t kSeed = 5;

std::string BundledFolder(const std::string& root) { return root + "/deploy/models/tales-7m"; }

}  // namespace

std::vector<StorageTypes> AllStorageTypes() {
  std::vector<StorageTypes> all;
  for (const Precision& precision : model::kernels::kPrecisions) {
    all.push_back({.precision = precision});
  }
  for (const KvType type : model::kernels::kKvTypes) {
    if (type != KvType::kF32) all.push_back({.kv = type});
  }
  return all;
}

std::string Name(const StorageTypes& types) {
  const auto [weights, activations] = types.precision;
  // Not named where there is nothing else: digests from before there was are found by their names.
  const std::string named = activations == ActivationType::kF32
                                ? ""
                                : absl::StrCat(" activations=", std::string(Name(activations)));
  return absl::StrCat("weights=", std::string(Name(weights)), named,
                      " kv=", std::string(model::kernels::Name(types.kv)));
}

absl::StatusOr<TestModel> BundledModel(const std::string& root) {
  const std::string folder = BundledFolder(root);
  absl::StatusOr<model::ModelConfig> config = model::OpenModelSource(folder)->ReadConfig();
  if (!config.ok()) return config.status();
  return TestModel{.name = "tales-7m", .config = *std::move(config), .folder = folder};
}

absl::StatusOr<model::Tokenizer> LoadBundledTokenizer(const std::string& root) {
  return model::OpenModelSource(BundledFolder(root))->ReadTokenizer();
}

TestModel NarrowModel(const TestModel& like) {
  TestModel narrow{.name = "narrow", .config = like.config};
  narrow.config.n_layer = 2;
  narrow.config.n_head = 4;
  narrow.config.n_embd = 32;
  narrow.config.n_inner = 128;
  return narrow;
}

std::vector<TestModel> AwkwardModels() {
  return {{.name = "random-gelu-new",
           .config = {.n_layer = 2,
                      .n_head = 3,
                      .n_embd = 192,
                      .n_inner = 251,
                      .n_ctx = 131,
                      .vocab_size = 509,
                      .activation = Activation::kGeluNew,
                      .eos_token_ids = {}}},
          {.name = "random-gelu",
           .config = {.n_layer = 3,
                      .n_head = 1,
                      .n_embd = 64,
                      .n_inner = 257,
                      .n_ctx = 113,
                      .vocab_size = 1021,
                      .activation = Activation::kGelu,
                      .scale_attn_by_inverse_layer_idx = true,
                      .tie_word_embeddings = false,
                      .eos_token_ids = {7, 400}}},
          {.name = "random-relu",
           .config = {.n_layer = 2,
                      .n_head = 3,
                      .n_embd = 111,
                      .n_inner = 83,
                      .n_ctx = 127,
                      .vocab_size = 383,
                      .activation = Activation::kRelu,
                      .scale_attn_weights = false,
                      .eos_token_ids = {}}}};
}

absl::StatusOr<model::Gpt2Weights> WeightsOf(const TestModel& model, const Precision& precision,
                                             model::Executor& executor) {
  if (model.folder.empty()) return RandomGpt2Weights(model.config, precision, kSeed, executor);
  auto loaded = model::LoadWeights(
      *model::OpenModelSource(model.folder), model.config,
      {.type = precision.weights, .activations = precision.activations}, executor);
  if (!loaded.ok()) return loaded.status();
  return std::move(loaded->weights);
}

}  // namespace cascade::testing
