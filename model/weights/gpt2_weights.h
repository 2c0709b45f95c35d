// SPDX-License-Identifier: Apache-2.0
// All weights of one GPT-2, and how they are loaded from weight files.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "model/kernels/element_types.h"
#include "model/kernels/packed_matrix.h"
#include "model/layers/layer_norm.h"
#include "model/layers/transformer_block.h"
#include "model/weights/report.h"

namespace cascade::model {

class Executor;
class FileMemory;
class WeightFiles;
struct ModelConfig;

// Owns everything. Immutable once loaded; const use from any thread.
struct Gpt2Weights {
  std::shared_ptr<FileMemory> packed_file;  // if the matrices borrow its bytes
  kernels::PackedMatrix wte;                // [n_embd, vocab_size]: column t is token t's embedding
  std::vector<float> wpe;                   // [n_ctx, n_embd]
  std::vector<TransformerBlockWeights> h;   // [n_layer]
  LayerNormWeights ln_f;
  std::optional<kernels::PackedMatrix> lm_head;  // [n_embd, vocab_size]; absent: tied to wte

  const kernels::PackedMatrix& Head() const { return lm_head ? *lm_head : wte; }
};

struct LoadOptions {
  std::optional<kernels::WeightType> type = {};  // of the matrices; absent: as they are stored
  // What the matrices are multiplied with. kInt8 needs int8 or int4 weights.
  kernels::ActivationType activations = kernels::ActivationType::kF32;
  std::string packed_file = {};        // path of the packed file; empty: none is used
  bool share_packed_file = false;      // the caller will ask WriterWaits (file_memory.h)
  LoadProgress on_progress = nullptr;  // may be empty
};

struct LoadedWeights {
  Gpt2Weights weights;
  WeightsReport report;
  PackedFileOutcome packed_file;
};

// Reads the weights of the model that `config` describes from `files`, which are closed at the end.
// Each tensor is read once; beside the result, memory holds one stored tensor at a time. Matrices
// are packed as options.type, or, if that is absent, as they are stored (as float32 if the files
// mix types); vectors and wpe become float32.
//
// With a packed file (packed_weights.h) the matrices are read from that file, or, with
// share_packed_file, mapped, so that processes on one machine share them. The file is made if it is
// missing, damaged, or of other weights; what keeps it from being made is told in the result, and
// keeps no weights from being loaded.
//
// attn.bias, attn.masked_bias and other buffers are ignored. A separate lm_head.weight is used
// unless config.tie_word_embeddings and it has the values of wte.weight (tied_head.h). Biases that
// the model was trained without are zeros (absent_biases.h). F64 is rounded to F32.
//
// INVALID_ARGUMENT, naming the file, the tensor and what was expected, for a wrong shape or type, a
// missing tensor, or a block beyond the configured ones: all that is checked before the first
// tensor is read; and for activations that there are no kernels for with these weights. Also
// INVALID_ARGUMENT if a matrix to be packed as int8 or int4 has a NaN or an
// infinity, which shows when that matrix is read. DATA_LOSS if a weight file was written or
// truncated meanwhile, RESOURCE_EXHAUSTED if there is no memory for a tensor; an error of
// on_progress as it is.
absl::StatusOr<LoadedWeights> LoadGpt2Weights(WeightFiles files, const ModelConfig& config,
                                              const LoadOptions& options, Executor& executor);

}  // namespace cascade::model
