// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/model_source.h"

#include <array>
#include <cstdint>
#include <memory>
#include <utility>

#include "model/source/model_source.h"
#include "tests/support/random_weights.h"

namespace cascade::bench {
namespace {

constexpr std::uint64_t kSeed = 1;

struct Shape {
  absl::string_view name;
  std::size_t n_layer;
  std::size_t n_head;
  std::size_t n_embd;
};

constexpr std::array<Shape, 4> kShapes = {{{"gpt2", 12, 12, 768},
                                           {"gpt2-medium", 24, 16, 1024},
                                           {"gpt2-large", 36, 20, 1280},
                                           {"gpt2-xl", 48, 25, 1600}}};

}  // namespace

std::optional<model::ModelConfig> KnownShape(absl::string_view name) {
  for (const Shape& shape : kShapes) {
    if (shape.name != name) continue;
    model::ModelConfig config;
    config.n_layer = shape.n_layer;
    config.n_head = shape.n_head;
    config.n_embd = shape.n_embd;
    config.n_inner = 4 * shape.n_embd;
    return config;
  }
  return std::nullopt;
}

absl::StatusOr<SourcedModel> SourceModel(const std::string& source,
                                         const model::kernels::Precision& precision,
                                         model::Executor& executor) {
  if (const auto shape = KnownShape(source)) {
    return SourcedModel{*shape, testing::RandomGpt2Weights(*shape, precision, kSeed, executor)};
  }
  const std::unique_ptr<model::ModelSource> folder = model::OpenModelSource(source);
  absl::StatusOr<model::ModelConfig> config = folder->ReadConfig();
  if (!config.ok()) return config.status();
  absl::StatusOr<model::LoadedWeights> loaded = model::LoadWeights(
      *folder, *config, {.type = precision.weights, .activations = precision.activations},
      executor);
  if (!loaded.ok()) return loaded.status();
  return SourcedModel{*std::move(config), std::move(loaded->weights)};
}

std::vector<std::span<const std::byte>> Matrices(const model::Gpt2Weights& weights) {
  std::vector<std::span<const std::byte>> matrices;
  const auto add = [&matrices](const model::kernels::PackedMatrix& matrix) {
    matrices.emplace_back(matrix.Panel(0), matrix.bytes());
  };
  for (const model::TransformerBlockWeights& block : weights.h) {
    add(block.attn.c_attn.weight);
    add(block.attn.c_proj.weight);
    add(block.mlp.c_fc.weight);
    add(block.mlp.c_proj.weight);
  }
  add(weights.Head());
  return matrices;
}

}  // namespace cascade::bench
