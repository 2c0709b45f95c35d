// SPDX-License-Identifier: Apache-2.0
// How well a model predicts a text, and how far its logits are from a reference's.
#pragma once

#include <cstddef>
#include <span>

#include "absl/status/statusor.h"
#include "model/gpt2.h"
#include "model/kernels/element_types.h"
#include "model/token.h"

namespace cascade::testing {

// A model and the type of the cache that it runs on.
struct QualityModel {
  model::Gpt2& gpt2;
  model::kernels::KvType kv_type = model::kernels::KvType::kF32;
};

struct Quality {
  std::size_t predictions = 0;
  double perplexity = 0;            // exp of the mean of -log p(next token)
  double reference_perplexity = 0;  // the reference's own
  double mean_error = 0;            // of the logits, absolute
  double max_error = 0;
  double agreement = 0;  // share of the predictions whose likeliest token is the reference's
};

// Runs `model` and `reference` over `tokens`, each predicted once from those before it, in windows
// of the whole context that know nothing of each other: every position of a window predicts.
//
// REQUIRES: two tokens or more, all below vocab_size; both models of one config.
// RESOURCE_EXHAUSTED if there is no memory for keys and values.
absl::StatusOr<Quality> MeasureQuality(const QualityModel& model, const QualityModel& reference,
                                       std::span<const model::TokenId> tokens);

}  // namespace cascade::testing
