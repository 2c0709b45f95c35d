// SPDX-License-Identifier: Apache-2.0

#include "model/weights/gpt2_tensors.h"

#include <functional>
#include <numeric>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "model/weights/gpt2_weights.h"

namespace cascade::model {
namespace {

using Layout = kernels::SourceMatrix::Layout;

// Appends rows; the names follow Hugging Face's modules.
class Table {
 public:
  void Values(std::string name, std::vector<std::size_t> shape, std::vector<float>& values) {
    rows_.push_back({.name = std::move(name), .shape = std::move(shape), .values = &values});
  }

  void Matrix(std::string name, Layout layout, std::vector<std::size_t> shape,
              kernels::PackedMatrix& matrix) {
    rows_.push_back(
        {.name = std::move(name), .shape = std::move(shape), .matrix = &matrix, .layout = layout});
  }

  void Vocabulary(std::string name, const ModelConfig& config, kernels::PackedMatrix& matrix) {
    Matrix(std::move(name), Layout::kOutIn, {config.vocab_size, config.n_embd}, matrix);
    rows_.back().is_vocabulary = true;
  }

  void LayerNorm(const std::string& name, std::size_t size, LayerNormWeights& weights) {
    Values(name + ".weight", {size}, weights.gamma);
    Values(name + ".bias", {size}, weights.beta);
  }

  void Linear(const std::string& name, std::size_t n_in, std::size_t n_out,
              LinearWeights& weights) {
    Matrix(name + ".weight", Layout::kInOut, {n_in, n_out}, weights.weight);
    Values(name + ".bias", {n_out}, weights.bias);
  }

  void Block(const std::string& name, const ModelConfig& config, TransformerBlockWeights& weights) {
    const std::size_t n_embd = config.n_embd;
    LayerNorm(name + ".ln_1", n_embd, weights.ln_1);
    Linear(name + ".attn.c_attn", n_embd, 3 * n_embd, weights.attn.c_attn);
    Linear(name + ".attn.c_proj", n_embd, n_embd, weights.attn.c_proj);
    LayerNorm(name + ".ln_2", n_embd, weights.ln_2);
    Linear(name + ".mlp.c_fc", n_embd, config.n_inner, weights.mlp.c_fc);
    Linear(name + ".mlp.c_proj", config.n_inner, n_embd, weights.mlp.c_proj);
  }

  std::vector<Gpt2Tensor> Take() { return std::move(rows_); }

 private:
  std::vector<Gpt2Tensor> rows_;
};

}  // namespace

bool Gpt2Tensor::is_bias() const { return absl::EndsWith(name, ".bias"); }

std::size_t Gpt2Tensor::ElementCount() const {
  return std::accumulate(shape.begin(), shape.end(), std::size_t{1}, std::multiplies<>());
}

kernels::Precision Gpt2Tensor::PrecisionInMemory(const kernels::Precision& asked) const {
  const bool keep_int8 = is_vocabulary && asked.weights == kernels::WeightType::kInt4;
  return keep_int8 ? kernels::Precision(kernels::WeightType::kInt8, asked.activations) : asked;
}

std::size_t Gpt2Tensor::BytesInMemory(const kernels::Precision& asked) const {
  if (matrix == nullptr) return ElementCount() * sizeof(float);
  return kernels::PackedMatrix::BytesFor(n_in(), n_out(), PrecisionInMemory(asked));
}

kernels::SourceMatrix Gpt2Tensor::Source(std::span<const std::byte> bytes,
                                         kernels::ElementType type) const {
  return {.bytes = bytes, .type = type, .layout = layout, .n_in = n_in(), .n_out = n_out()};
}

std::vector<Gpt2Tensor> Gpt2Tensors(const ModelConfig& config, Gpt2Weights& weights) {
  Table table;
  table.Vocabulary("wte.weight", config, weights.wte);
  table.Values("wpe.weight", {config.n_ctx, config.n_embd}, weights.wpe);
  weights.h.resize(config.n_layer);
  for (std::size_t layer = 0; layer < config.n_layer; ++layer) {
    table.Block(absl::StrCat("h.", layer), config, weights.h[layer]);
  }
  table.LayerNorm("ln_f", config.n_embd, weights.ln_f);
  if (!config.tie_word_embeddings) {
    table.Vocabulary("lm_head.weight", config, weights.lm_head.emplace());
  }
  return table.Take();
}

}  // namespace cascade::model
