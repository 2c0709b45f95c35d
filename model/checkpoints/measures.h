// SPDX-License-Identifier: Apache-2.0
// The measurements of checkpoints 1 to 12, one function for each comparison.
//
// Each runs a component on Hugging Face's own input and adds its comparison with Hugging Face's
// output to `measurement`. An error is about files: golden data or weights that cannot be read. A
// wrong result is no error; it is in the measurement.
#pragma once

#include "absl/status/status.h"
#include "model/checkpoints/checked_model.h"
#include "model/checkpoints/measurement.h"

namespace cascade::model {

using Measure = absl::Status (*)(CheckedModel& model, Measurement& measurement);

// 1: ln_1 of the traced blocks and ln_f; then rows that a careless implementation gets wrong.
absl::Status MeasureLayerNorm(CheckedModel& model, Measurement& measurement);
absl::Status MeasureLayerNormOnAwkwardRows(CheckedModel& model, Measurement& measurement);

// 2: c_attn of the traced blocks.
absl::Status MeasureQkv(CheckedModel& model, Measurement& measurement);

// 3: Hugging Face's keys and values, written in several cuts and read back.
absl::Status MeasureKvCache(CheckedModel& model, Measurement& measurement);

// 4: the scores of every head, causal, before the softmax.
absl::Status MeasureAttentionScores(CheckedModel& model, Measurement& measurement);

// 5: from golden scores to what attention adds to the hidden state.
absl::Status MeasureAttentionOutput(CheckedModel& model, Measurement& measurement);

// 6: what the feed-forward network adds to the hidden state.
absl::Status MeasureFfn(CheckedModel& model, Measurement& measurement);

// 7: every transformer block, each on Hugging Face's input, so that errors do not add up.
absl::Status MeasureTransformerBlock(CheckedModel& model, Measurement& measurement);

// 8: at every position of a short prompt, over the whole context, after every golden prompt; and
// the final hidden states, of which the head makes logits.
absl::Status MeasureLogitsOfShortPrompt(CheckedModel& model, Measurement& measurement);
absl::Status MeasureLogitsOfFullContext(CheckedModel& model, Measurement& measurement);
absl::Status MeasureLogitsAfterPrompts(CheckedModel& model, Measurement& measurement);
absl::Status MeasureFinalHiddenStates(CheckedModel& model, Measurement& measurement);

// 9: selections of rows, in and out of order, beside the logits of all rows.
absl::Status MeasureSelectedLogits(CheckedModel& model, Measurement& measurement);

// 10: the argmax itself, and the sampler below the greedy temperature.
absl::Status MeasureArgmax(CheckedModel& model, Measurement& measurement);
absl::Status MeasureGreedySampler(CheckedModel& model, Measurement& measurement);

// 11: softmax(logits / temperature); then the distributions that Hugging Face draws from.
absl::Status MeasureSoftmax(CheckedModel& model, Measurement& measurement);
absl::Status MeasureCuts(CheckedModel& model, Measurement& measurement);

// 12: prompts to ids; greedy tokens and text; where the end-of-text token stops them.
absl::Status MeasureEncoding(CheckedModel& model, Measurement& measurement);
absl::Status MeasureGeneration(CheckedModel& model, Measurement& measurement);
absl::Status MeasureGenerationUntilEos(CheckedModel& model, Measurement& measurement);

}  // namespace cascade::model
