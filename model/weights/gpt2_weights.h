// SPDX-License-Identifier: Apache-2.0
// All weights of one GPT-2, and how they come from a Hugging Face folder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/config.h"
#include "model/executor.h"
#include "model/kernels/element_types.h"
#include "model/kernels/packed_matrix.h"
#include "model/layers/layer_norm.h"
#include "model/layers/transformer_block.h"
#include "model/weights/mapped_file.h"

namespace cascade::model {

// Owns everything. Immutable once loaded; const use from any thread.
struct Gpt2Weights {
  std::optional<MappedFile> packed_file;   // what the matrices borrow, if anything
  kernels::PackedMatrix wte;               // [n_embd, vocab_size]: column t is token t's embedding
  std::vector<float> wpe;                  // [n_ctx, n_embd]
  std::vector<TransformerBlockWeights> h;  // [n_layer]
  LayerNormWeights ln_f;
  std::optional<kernels::PackedMatrix> lm_head;  // [n_embd, vocab_size]; absent: tied to wte

  const kernels::PackedMatrix& Head() const { return lm_head ? *lm_head : wte; }
};

// What was loaded, for the start-up log and GetModel.
struct WeightsReport {
  kernels::ElementType stored_type = kernels::ElementType::kF32;  // of the files' matrices
  kernels::WeightType memory_type = kernels::WeightType::kF32;
  std::size_t parameters = 0;    // a tied head counted once
  std::size_t stored_bytes = 0;  // of the weight files
  std::size_t memory_bytes = 0;  // of the packed weights
  std::size_t nan_count = 0;     // NaNs among the weights: allowed, but a sign of a broken file
  std::string fingerprint;       // hex of a hash: what computes, weights and config
};

// Hears of loading as it goes on, on the caller's thread: bytes of the weight files, so far and in
// all. An error ends the loading with it.
using LoadProgress = std::function<absl::Status(std::size_t done, std::size_t total)>;

struct LoadOptions {
  std::optional<kernels::WeightType> type;  // of the matrices; absent: as they are stored
  std::string packed_file = {};             // where packed weights are kept; empty: nowhere
  LoadProgress on_progress = nullptr;       // may be empty
};

enum class PackedFileUse : std::uint8_t {
  kNone,    // none was asked for
  kRead,    // it was there
  kMade,    // it was made, and then read
  kFailed,  // it could not be made: the weights are in memory of this process's own
};

struct PackedFileOutcome {
  PackedFileUse use = PackedFileUse::kNone;
  std::string reason;  // why it was made, or could not be
};

struct LoadedWeights {
  Gpt2Weights weights;
  WeightsReport report;
  PackedFileOutcome packed_file;
};

// Reads the weights of `folder`: model.safetensors, or the shards that model.safetensors.index.json
// names. Files are memory-mapped, read once and unmapped; beside the result, memory holds one
// stored tensor at a time. Matrices are packed as options.type, or, if that is absent, as they are
// stored (as float32 if the files mix types); vectors and wpe become float32.
//
// With a packed file (packed_weights.h) the matrices are mapped from it, where processes on one
// machine share them. It is made where there is none, or one that is damaged or of other weights;
// what keeps it from being made is in the result, and keeps nothing from being loaded.
//
// Names may carry the prefix "transformer."; attn.bias, attn.masked_bias and other buffers are
// ignored; a separate lm_head.weight is used unless config.tie_word_embeddings.
//
// NOT_FOUND if there is no weight file. INVALID_ARGUMENT, naming the file, the tensor and what was
// expected, for a truncated file, offsets that overlap or run past the end, a wrong shape or type,
// a missing tensor, a block beyond the configured ones, a shard that the index does not lead to.
// All that is checked before the first tensor is read. Also INVALID_ARGUMENT if a matrix to be
// packed as int8 or int4 has a NaN or an infinity, which shows when it is read.
absl::StatusOr<LoadedWeights> LoadGpt2Weights(const std::string& folder, const ModelConfig& config,
                                              const LoadOptions& options, Executor& executor);

// The same with no more than a type to say.
absl::StatusOr<LoadedWeights> LoadGpt2Weights(const std::string& folder, const ModelConfig& config,
                                              std::optional<kernels::WeightType> type,
                                              Executor& executor);

}  // namespace cascade::model
