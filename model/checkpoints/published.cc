// SPDX-License-Identifier: Apache-2.0

#include "model/checkpoints/published.h"

#include <array>
#include <cassert>
#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "model/checkpoints/greedy_run.h"

namespace cascade::model {
namespace {

struct Published {
  absl::string_view model;
  std::size_t n_layer;
  std::size_t n_embd;
  absl::string_view prompt;
  std::vector<TokenId> ids;  // of the prompt; empty if they were not published
  std::size_t max_new_tokens;
  absl::string_view text;  // how the continuation begins
};

// gpt2: Hugging Face transformers, tests/models/gpt2/test_modeling_gpt2.py, which generates up to
// 20 tokens from "The dog". gpt2-medium: what transformers gives for the two prompts.
std::vector<Published> AllPublished() {
  return {
      {"gpt2",
       12,
       768,
       "The dog",
       {464, 3290},
       18,
       " was found in a field near the intersection of West and West Streets.\n\nThe dog"},
      {"gpt2-medium", 24, 1024, "Hello.", {15496, 13}, 10, " I'm a little late to the party, but"},
      {"gpt2-medium",
       24,
       1024,
       "What is the answer to life, the universe, and everything?",
       {},
       20,
       "\n\nThe answer is that we are all one"}};
}

bool HasShapeOf(const ModelConfig& config, const Published& published) {
  constexpr std::size_t kGpt2Vocabulary = 50257;
  return config.n_layer == published.n_layer && config.n_embd == published.n_embd &&
         config.vocab_size == kGpt2Vocabulary;
}

absl::Status Compare(const Published& published, GreedyRun& run, Measurement& measurement) {
  const std::string what =
      absl::StrCat("published for ", published.model, ", prompt '", published.prompt, "'");
  const absl::StatusOr<std::vector<TokenId>> ids =
      run.tokenizer().Encode(published.prompt, SpecialTokens::kAsText);
  if (!ids.ok()) return ids.status();
  if (!published.ids.empty()) measurement.CompareTokens(*ids, published.ids, what);
  const absl::StatusOr<Generation> generation =
      run.Generate(*ids, published.max_new_tokens, /*eos_token_ids=*/{});
  if (!generation.ok()) return generation.status();
  measurement.CompareTexts(absl::string_view(generation->text).substr(0, published.text.size()),
                           published.text, what);
  return absl::OkStatus();
}

}  // namespace

absl::string_view PublishedName(const ModelConfig& config) {
  for (const Published& published : AllPublished()) {
    if (HasShapeOf(config, published)) return published.model;
  }
  return "";
}

absl::Status MeasurePublished(CheckedModel& model, Measurement& measurement) {
  assert(!PublishedName(model.config()).empty());
  absl::StatusOr<GreedyRun> run = GreedyRun::Create(model);
  if (!run.ok()) return run.status();
  for (const Published& published : AllPublished()) {
    if (!HasShapeOf(model.config(), published)) continue;
    const absl::Status status = Compare(published, *run, measurement);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace cascade::model
