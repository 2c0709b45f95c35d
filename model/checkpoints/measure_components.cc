// SPDX-License-Identifier: Apache-2.0
// Checkpoints 1 to 7: single components on Hugging Face's inputs.
#include <algorithm>
#include <cstddef>
#include <vector>

#include "absl/strings/str_cat.h"
#include "model/checkpoints/attention_run.h"
#include "model/checkpoints/component_runs.h"
#include "model/checkpoints/measures.h"
#include "model/layers/attention/output.h"
#include "model/layers/attention/qkv.h"
#include "model/layers/ffn.h"
#include "model/layers/layer_norm.h"

namespace cascade::model {
namespace {

// What most checkpoints of components need.
struct Traced {
  GoldenTrace trace;
  const Gpt2Weights* weights = nullptr;
};

absl::StatusOr<Traced> LoadTraced(CheckedModel& model) {
  absl::StatusOr<GoldenTrace> trace = model.golden().Trace();
  if (!trace.ok()) return trace.status();
  const absl::StatusOr<const Gpt2Weights*> weights = model.Weights();
  if (!weights.ok()) return weights.status();
  return Traced{*std::move(trace), *weights};
}

void CompareNorm(CheckedModel& model, const LayerNormWeights& layer_norm, ConstMatF x,
                 ConstMatF expected, absl::string_view what, Measurement& measurement) {
  Tensor out(x.rows(), x.cols());
  LayerNorm(layer_norm, x, model.config().layer_norm_epsilon, model.executor(), out.Rows(x.rows()));
  measurement.CompareMatrices(out.Rows(x.rows()), expected, what);
}

// The heads' outputs side by side, [T, n_embd], from golden scores.
Tensor MergedHeads(AttentionRun& run, const ModelConfig& config, const GoldenTensor& scores) {
  Tensor merged(run.rows(), config.n_embd);
  for (std::size_t head = 0; head < config.n_head; ++head) {
    const MatF columns = Head(merged.Rows(run.rows()), head, config.head_dim());
    ForTiles(run.rows(), [&](std::size_t start, std::size_t count) {
      Tensor out = run.Weighed(head, scores.At(head).Rows(start, count), start);
      for (std::size_t r = 0; r < count; ++r) {
        std::ranges::copy(out.Rows(count).Row(r), columns.Row(start + r).begin());
      }
    });
  }
  return merged;
}

}  // namespace

absl::Status MeasureLayerNorm(CheckedModel& model, Measurement& measurement) {
  const absl::StatusOr<Traced> golden = LoadTraced(model);
  if (!golden.ok()) return golden.status();
  const GoldenTrace& trace = golden->trace;
  for (const GoldenBlock& block : trace.blocks) {
    CompareNorm(model, golden->weights->h[block.layer].ln_1, trace.hidden.At(block.layer),
                block.ln_1.AsMat(), absl::StrCat("ln_1 of block ", block.layer), measurement);
  }
  CompareNorm(model, golden->weights->ln_f, trace.hidden.At(model.config().n_layer),
              trace.ln_f.AsMat(), "ln_f", measurement);
  return absl::OkStatus();
}

absl::Status MeasureLayerNormOnAwkwardRows(CheckedModel& model, Measurement& measurement) {
  const absl::StatusOr<GoldenNormalization> golden = model.golden().Normalization();
  if (!golden.ok()) return golden.status();
  const absl::StatusOr<const Gpt2Weights*> weights = model.Weights();
  if (!weights.ok()) return weights.status();
  CompareNorm(model, (*weights)->h[0].ln_1, golden->rows.AsMat(), golden->expected.AsMat(),
              "awkward rows through ln_1 of block 0", measurement);
  return absl::OkStatus();
}

absl::Status MeasureQkv(CheckedModel& model, Measurement& measurement) {
  const absl::StatusOr<Traced> golden = LoadTraced(model);
  if (!golden.ok()) return golden.status();
  kernels::MatMulScratch scratch;
  for (const GoldenBlock& block : golden->trace.blocks) {
    const ConstMatF x = block.ln_1.AsMat();
    Tensor qkv(x.rows(), 3 * model.config().n_embd);
    const MatF out = qkv.Rows(qkv.rows());
    ProjectQkv(golden->weights->h[block.layer].attn.c_attn, x, model.executor(), scratch, out);
    measurement.CompareMatrices(out, block.c_attn.AsMat(), absl::StrCat("block ", block.layer));
  }
  return absl::OkStatus();
}

absl::Status MeasureKvCache(CheckedModel& model, Measurement& measurement) {
  const absl::StatusOr<GoldenTrace> trace = model.golden().Trace();
  if (!trace.ok()) return trace.status();
  const ModelConfig& config = model.config();
  for (const GoldenBlock& block : trace->blocks) {
    Tensor tensor = CopyOf(block.c_attn.AsMat());
    const MatF qkv = tensor.Rows(tensor.rows());
    for (const std::vector<std::size_t>& pieces :
         std::vector<std::vector<std::size_t>>{{}, {1, 15, 1}, {16}, {7, 8, 4}}) {
      absl::StatusOr<KvCache> cache = model.MakeCache(qkv.rows());
      if (!cache.ok()) return cache.status();
      const BlockTable blocks = *cache->TryAllocate(qkv.rows());
      WriteInPieces(config, block.layer, qkv, pieces, blocks, *cache);
      for (std::size_t head = 0; head < config.n_head; ++head) {
        Tensor actual =
            ReadBack(*cache, blocks, {block.layer, head}, qkv.rows(), config.head_dim());
        Tensor expected = KeysAndValues(qkv, head, config.head_dim());
        measurement.CompareMatrices(actual.Rows(qkv.rows()), expected.Rows(qkv.rows()),
                                    absl::StrCat("block ", block.layer, ", head ", head));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status MeasureAttentionScores(CheckedModel& model, Measurement& measurement) {
  const absl::StatusOr<GoldenTrace> trace = model.golden().Trace();
  if (!trace.ok()) return trace.status();
  for (const GoldenBlock& block : trace->blocks) {
    absl::StatusOr<KvCache> cache = model.MakeCache(trace->tokens.size());
    if (!cache.ok()) return cache.status();
    AttentionRun run(model.config(), block.layer, block.c_attn, *cache);
    for (std::size_t head = 0; head < model.config().n_head; ++head) {
      Tensor scores = run.Scores(head, 0, run.rows());
      measurement.CompareMatrices(scores.Rows(run.rows()), block.scores.At(head),
                                  absl::StrCat("block ", block.layer, ", head ", head));
    }
  }
  return absl::OkStatus();
}

absl::Status MeasureAttentionOutput(CheckedModel& model, Measurement& measurement) {
  const absl::StatusOr<Traced> golden = LoadTraced(model);
  if (!golden.ok()) return golden.status();
  const ModelConfig& config = model.config();
  for (const GoldenBlock& block : golden->trace.blocks) {
    absl::StatusOr<KvCache> cache = model.MakeCache(golden->trace.tokens.size());
    if (!cache.ok()) return cache.status();
    AttentionRun run(config, block.layer, block.c_attn, *cache);
    Tensor merged = MergedHeads(run, config, block.scores);
    kernels::MatMulScratch scratch;
    Tensor hidden(run.rows(), config.n_embd);  // zeros: checkpoint 7 checks the residual
    ProjectHeads(golden->weights->h[block.layer].attn.c_proj, merged.Rows(run.rows()),
                 model.executor(), scratch, hidden.Rows(run.rows()));
    measurement.CompareMatrices(hidden.Rows(run.rows()), block.attn.AsMat(),
                                absl::StrCat("block ", block.layer));
  }
  return absl::OkStatus();
}

absl::Status MeasureFfn(CheckedModel& model, Measurement& measurement) {
  const absl::StatusOr<Traced> golden = LoadTraced(model);
  if (!golden.ok()) return golden.status();
  const ModelConfig& config = model.config();
  for (const GoldenBlock& block : golden->trace.blocks) {
    const ConstMatF x = block.ln_2.AsMat();
    LayerScratch scratch(config, x.rows());
    Tensor hidden(x.rows(), config.n_embd);  // zeros: checkpoint 7 checks the residual
    Ffn(golden->weights->h[block.layer].mlp, config.activation, x, model.executor(), scratch,
        hidden.Rows(x.rows()));
    measurement.CompareMatrices(hidden.Rows(x.rows()), block.mlp.AsMat(),
                                absl::StrCat("block ", block.layer));
  }
  return absl::OkStatus();
}

absl::Status MeasureTransformerBlock(CheckedModel& model, Measurement& measurement) {
  const absl::StatusOr<Traced> golden = LoadTraced(model);
  if (!golden.ok()) return golden.status();
  const GoldenTensor& hidden = golden->trace.hidden;
  absl::StatusOr<KvCache> cache = model.MakeCache(golden->trace.tokens.size());
  if (!cache.ok()) return cache.status();
  for (std::size_t layer = 0; layer < model.config().n_layer; ++layer) {
    Tensor out = BlockOutput(model.config(), *golden->weights, layer, hidden.At(layer),
                             model.config().n_ctx, *cache, model.executor());
    measurement.CompareMatrices(out.Rows(out.rows()), hidden.At(layer + 1),
                                absl::StrCat("block ", layer));
  }
  return absl::OkStatus();
}

}  // namespace cascade::model
