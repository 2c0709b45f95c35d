// The ladder: one row a checkpoint, in the order in which the model is built and proved. Errors
// compound, so a later checkpoint is not trusted until the earlier ones pass.
#pragma once

#include "absl/strings/string_view.h"

namespace cascade::testing {

struct Checkpoint {
  int number;
  absl::string_view name;
  double tolerance;  // largest absolute error; 0: every bit must agree
};

// Changing a tolerance is a commit that says why.
namespace checkpoints {
inline constexpr Checkpoint kLayerNorm{1, "layer_norm", 1e-5};
inline constexpr Checkpoint kQkv{2, "qkv", 1e-4};
inline constexpr Checkpoint kKvCache{3, "kv_cache", 0};
inline constexpr Checkpoint kAttentionScores{4, "attention_scores", 1e-4};
inline constexpr Checkpoint kAttentionOutput{5, "attention_output", 1e-4};
inline constexpr Checkpoint kFfn{6, "ffn", 1e-4};
inline constexpr Checkpoint kTransformerBlock{7, "transformer_block", 1e-4};
inline constexpr Checkpoint kLogits{8, "logits", 1e-3};
inline constexpr Checkpoint kSelectedLogits{9, "selected_logits", 0};
inline constexpr Checkpoint kArgmax{10, "argmax", 0};
inline constexpr Checkpoint kSoftmax{11, "softmax", 1e-6};
inline constexpr Checkpoint kGeneration{12, "generation", 0};
}  // namespace checkpoints

}  // namespace cascade::testing
