// SPDX-License-Identifier: Apache-2.0
// What Hugging Face computed for one model, as tests/golden/generate.py writes it.
//
// The tensors' shapes and the ranges of all numbers are checked against the model's configuration,
// so that no kernel reads past a tensor that somebody else made.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/config.h"
#include "model/mat_view.h"
#include "model/token.h"

namespace cascade::model {

// A float32 tensor without NaN. Owns its values; views borrow them.
struct GoldenTensor {
  std::vector<std::size_t> shape;  // slowest first
  std::vector<float> values;

  // [all dimensions but the last, the last]
  ConstMatF AsMat() const;

  // The same of element `i` of the first dimension. REQUIRES: i < shape.front().
  ConstMatF At(std::size_t i) const;
};

// What each module of one transformer block gave for the traced prompt of T tokens. Named as in
// Hugging Face's GPT2Block.
struct GoldenBlock {
  std::size_t layer = 0;
  GoldenTensor ln_1;    // [T, n_embd]
  GoldenTensor c_attn;  // [T, 3 * n_embd]
  GoldenTensor scores;  // [n_head, T, T]   before the softmax; 0 beyond the diagonal
  GoldenTensor attn;    // [T, n_embd]      what attention adds to the hidden state
  GoldenTensor ln_2;    // [T, n_embd]
  GoldenTensor mlp;     // [T, n_embd]      what the feed-forward network adds
};

// Checkpoints 1 to 7.
struct GoldenTrace {
  std::vector<TokenId> tokens;  // T of them, 1 to n_ctx
  GoldenTensor hidden;          // [n_layer + 1, T, n_embd]  each block's input, the last's output
  GoldenTensor ln_f;            // [T, n_embd]
  std::vector<GoldenBlock> blocks;  // the first and the middle one
};

// Checkpoint 1: rows that a careless layer normalization gets wrong, through ln_1 of block 0.
struct GoldenNormalization {
  GoldenTensor rows;      // [n, n_embd]
  GoldenTensor expected;  // [n, n_embd]
};

// Checkpoint 8.
struct GoldenLogits {
  std::vector<TokenId> short_tokens;
  GoldenTensor short_logits;                   // [short_tokens, vocab_size]  at every position
  std::vector<TokenId> context_tokens;         // n_ctx of them
  std::vector<std::size_t> context_positions;  // ascending
  GoldenTensor context_logits;                 // [context_positions, vocab_size]
  std::vector<TokenId> columns;                // of the vocabulary that `after_prompts` keeps
  GoldenTensor after_prompts;                  // [generations, columns]
};

// One setting of the sampler, and the row of GoldenSampling::logits that it is applied to.
struct GoldenCut {
  std::size_t row = 0;
  float temperature = 1;
  std::uint32_t top_k = 0;
  float top_p = 1;
  float min_p = 0;
};

// Checkpoints 10 and 11.
struct GoldenSampling {
  GoldenTensor logits;          // [rows, vocab_size]
  std::vector<TokenId> argmax;  // [rows]
  GoldenTensor temperatures;    // [t]  all above 0
  GoldenTensor softmax;         // [t, rows, vocab_size]
  std::vector<GoldenCut> cuts;  // at least one
  GoldenTensor distributions;   // [cuts, vocab_size]  after temperature, top_k, top_p, min_p
};

// How many tokens a golden generation has, unless the context is full before.
inline constexpr std::size_t kGoldenNewTokens = 64;

// One greedy continuation: checkpoints 8 and 12.
struct GoldenGeneration {
  std::optional<std::string> prompt;  // absent where the prompt was given as ids
  std::vector<TokenId> prompt_ids;    // 1 to n_ctx - 1 of them
  std::vector<TokenId> tokens;        // as if the end-of-text token were a token like any other
  std::size_t tokens_until_eos = 0;   // including it; tokens.size() if it does not come
  std::optional<std::string> text;    // of `tokens`; absent where it is not whole UTF-8
};

// A folder of golden data. Each call reads files: NOT_FOUND, PERMISSION_DENIED or INVALID_ARGUMENT
// name the file and what was expected. Copyable; reads may run on any thread.
class GoldenData {
 public:
  // For a model of shape `config`. NOT_FOUND if there is no provenance.json in `folder`.
  static absl::StatusOr<GoldenData> Open(std::string folder, const ModelConfig& config);

  // OK if the data was made for the files in `model_folder`: config.json and every weight file have
  // the SHA-256 hashes that provenance.json records. FAILED_PRECONDITION names the file and both
  // hashes. Cost: reads all weights once.
  absl::Status CheckMadeFor(const std::string& model_folder) const;

  absl::StatusOr<GoldenTrace> Trace() const;
  absl::StatusOr<GoldenNormalization> Normalization() const;
  absl::StatusOr<GoldenLogits> Logits() const;
  absl::StatusOr<GoldenSampling> Sampling() const;
  absl::StatusOr<std::vector<GoldenGeneration>> Generations() const;  // at least one

  const std::string& folder() const { return folder_; }

 private:
  GoldenData(std::string folder, const ModelConfig& config)
      : folder_(std::move(folder)), config_(config) {}

  std::string folder_;
  ModelConfig config_;
};

}  // namespace cascade::model
