// SPDX-License-Identifier: Apache-2.0
// The cuts of a distribution before a token is drawn from it. Logits and probabilities are
// [vocab_size]; a token that is cut has -Inf or 0. Scratch is the caller's, so that a step does not
// allocate.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "model/sampling/best_tokens.h"

namespace cascade::model {

// The smallest logit that top-n-sigma keeps: `n` standard deviations below the best. Logits of
// -Inf do not count. Reference: Tang et al. 2024, "Top-nsigma"; llama.cpp's top-n-sigma sampler.
float SigmaFloor(std::span<const float> logits, double n);

// The k-th largest logit; -Inf if all are kept. Reference: Hugging Face TopKLogitsWarper.
float TopKFloor(std::span<const float> logits, std::size_t k, std::vector<ScoredToken>& scratch);

// Copies `logits` to `out`, with -Inf for logits below `floor`.
void KeepFrom(float floor, std::span<const float> logits, std::span<float> out);

// Keeps the most probable tokens up to the one with which their sum reaches `top_p`. This is the
// same set as removing the least probable tokens whose sum is at most 1 - top_p. Sorts one class
// only. Reference: Hugging Face TopPLogitsWarper.
void KeepTopP(double top_p, std::vector<ScoredToken>& scratch, std::span<float> probabilities);

// Cuts what is less probable than `min_p` times the best. Reference: Hugging Face MinPLogitsWarper.
void KeepMinP(double min_p, std::span<float> probabilities);

// Keeps the tokens whose surprise is nearest to the entropy, up to the one with which their sum
// reaches `mass`, and those as near as that one. REQUIRES: the sum of all is 1.
// Reference: Hugging Face TypicalLogitsWarper; Meister et al. 2022, "Locally Typical Sampling".
void KeepTypicalP(double mass, std::vector<ScoredToken>& scratch, std::vector<float>& distances,
                  std::span<float> probabilities);

// Scales the probabilities so that their sum is 1. REQUIRES: one of them is above 0.
void Normalize(std::span<float> probabilities);

}  // namespace cascade::model
