// SPDX-License-Identifier: Apache-2.0
// The ladder of checkpoints: in what order the model is proved, and how exactly.
//
// Errors compound, so a checkpoint says nothing until those below it pass. docs/checkpoints has a
// page for each.
#pragma once

#include <array>

#include "absl/strings/string_view.h"

namespace cascade::model {

struct Checkpoint {
  int number;
  absl::string_view name;           // snake_case
  absl::string_view phase;          // the part of the model that it belongs to
  absl::string_view component;      // what it proves, in one line
  absl::string_view file;           // where the component is implemented, from the source's root
  double tolerance;                 // largest absolute error; 0: every bit must agree
  absl::string_view critical;       // what else is wrong if it fails
  absl::string_view prerequisites;  // numbers of the checkpoints that it rests on directly
  absl::string_view look_at;        // where a failure usually comes from
};

// Changing a tolerance is a commit that says why.
namespace checkpoints {

inline constexpr Checkpoint kFoundation{
    .number = 0,
    .name = "foundation",
    .phase = "Foundation",
    .component = "The server starts, reports its health, describes itself and streams",
    .file = "server/main.cc",
    .tolerance = 0,
    .critical = "Blocks serving; says nothing about the numbers",
    .prerequisites = "",
    .look_at = "the server's log: a flag, a port in use, a model folder that does not load"};

inline constexpr Checkpoint kLayerNorm{
    .number = 1,
    .name = "layer_norm",
    .phase = "Components",
    .component = "Layer normalization of each row",
    .file = "model/layers/layer_norm.cc",
    .tolerance = 1e-5,
    .critical = "Critical: every transformer block normalizes twice",
    .prerequisites = "",
    .look_at =
        "biased variance (divide by n_embd), epsilon inside the square root, gamma and beta"};

inline constexpr Checkpoint kQkv{
    .number = 2,
    .name = "qkv",
    .phase = "Attention",
    .component = "Projection to queries, keys and values",
    .file = "model/layers/attention/qkv.cc",
    .tolerance = 1e-4,
    .critical = "Critical: attention reads nothing else",
    .prerequisites = "1",
    .look_at = "c_attn's layout [in, out], the order query, key, value, the bias"};

inline constexpr Checkpoint kKvCache{
    .number = 3,
    .name = "kv_cache",
    .phase = "Attention",
    .component = "Keys and values written to the cache and read back",
    .file = "model/cache/kv_cache.cc",
    .tolerance = 0,
    .critical = "Critical: decoding reads every earlier position from it",
    .prerequisites = "2",
    .look_at = "the block table, the slot within a block, the offset of a head"};

inline constexpr Checkpoint kAttentionScores{
    .number = 4,
    .name = "attention_scores",
    .phase = "Attention",
    .component = "Scaled products of queries and keys, causal",
    .file = "model/layers/attention/scores.cc",
    .tolerance = 1e-4,
    .critical = "Critical: decides which positions are attended to",
    .prerequisites = "2 3",
    .look_at = "the scale 1 / sqrt(head_dim), the causal limit, the head's columns"};

inline constexpr Checkpoint kAttentionOutput{
    .number = 5,
    .name = "attention_output",
    .phase = "Attention",
    .component = "Softmax, weighted values, merged heads, output projection",
    .file = "model/layers/attention/output.cc",
    .tolerance = 1e-4,
    .critical = "Critical: it is what attention adds to the hidden state",
    .prerequisites = "3 4",
    .look_at = "the maximum that softmax subtracts, the order of the heads, c_proj"};

inline constexpr Checkpoint kFfn{
    .number = 6,
    .name = "ffn",
    .phase = "Components",
    .component = "Feed-forward network with the configured activation",
    .file = "model/layers/ffn.cc",
    .tolerance = 1e-4,
    .critical = "Critical: two thirds of a block's weights",
    .prerequisites = "1",
    .look_at = "activation_function in config.json (gelu or gelu_new), c_fc and c_proj, n_inner"};

inline constexpr Checkpoint kTransformerBlock{
    .number = 7,
    .name = "transformer_block",
    .phase = "Whole model",
    .component = "One transformer block: two normalizations, two residuals",
    .file = "model/layers/transformer_block.cc",
    .tolerance = 1e-4,
    .critical = "Critical: repeated n_layer times, so its error grows with depth",
    .prerequisites = "1 5 6",
    .look_at = "normalization before, not after; both residuals; which block's weights are used"};

inline constexpr Checkpoint kLogits{
    .number = 8,
    .name = "logits",
    .phase = "Whole model",
    .component = "Logits of whole prompts: embeddings, all blocks, final norm, head",
    .file = "model/gpt2.cc",
    .tolerance = 1e-3,
    .critical = "Critical: every token is chosen from them",
    .prerequisites = "7",
    .look_at = "position embeddings, ln_f, the head (tied to wte or its own), the block order"};

inline constexpr Checkpoint kSelectedLogits{
    .number = 9,
    .name = "selected_logits",
    .phase = "Whole model",
    .component = "Logits of chosen rows equal those of all rows",
    .file = "model/layers/lm_head.cc",
    .tolerance = 0,
    .critical = "High: the server never computes all rows",
    .prerequisites = "8",
    .look_at = "the gathering of rows before the head, rows out of order"};

inline constexpr Checkpoint kArgmax{
    .number = 10,
    .name = "argmax",
    .phase = "Sampling",
    .component = "Greedy choice: the largest logit, the lowest id among equals",
    .file = "model/sampling/argmax.cc",
    .tolerance = 0,
    .critical = "High: temperature 0 is defined by it",
    .prerequisites = "8",
    .look_at = "ties, signed zeros, NaN, temperatures below 1e-6"};

inline constexpr Checkpoint kSoftmax{
    .number = 11,
    .name = "softmax",
    .phase = "Sampling",
    .component = "Probabilities at any temperature, after top-k, top-p and min-p",
    .file = "model/sampling/sampler.cc",
    .tolerance = 1e-6,
    .critical = "High: every sampled token is drawn from them",
    .prerequisites = "8",
    .look_at = "the division by the temperature, the order of the cuts, the renormalization"};

inline constexpr Checkpoint kGeneration{
    .number = 12,
    .name = "generation",
    .phase = "Generation",
    .component = "Greedy decoding gives Hugging Face's tokens and text",
    .file = "model/generation/generator.cc",
    .tolerance = 0,
    .critical = "The result: if it passes, the model serves what Hugging Face computes",
    .prerequisites = "9 10",
    .look_at =
        "the tokenizer, positions after the prompt, the end-of-text token, a near tie of logits"};

// From the first to the last.
inline constexpr std::array<const Checkpoint*, 13> kLadder = {
    &kFoundation,      &kLayerNorm,       &kQkv,    &kKvCache,
    &kAttentionScores, &kAttentionOutput, &kFfn,    &kTransformerBlock,
    &kLogits,          &kSelectedLogits,  &kArgmax, &kSoftmax,
    &kGeneration};

}  // namespace checkpoints
}  // namespace cascade::model
