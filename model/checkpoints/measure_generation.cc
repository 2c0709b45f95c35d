// SPDX-License-Identifier: Apache-2.0
// Checkpoint 12: from a prompt to tokens and text.
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "model/checkpoints/greedy_run.h"
#include "model/checkpoints/measures.h"
#include "model/json_document.h"

namespace cascade::model {
namespace {

std::string NameOf(const GoldenGeneration& golden) {
  return golden.prompt ? absl::StrCat("prompt ", Quoted(*golden.prompt))
                       : absl::StrCat("prompt of ", golden.prompt_ids.size(), " ids");
}

absl::string_view NameOf(FinishReason reason) {
  switch (reason) {
    case FinishReason::kEos:
      return "end of text";
    case FinishReason::kMaxTokens:
      return "max_new_tokens";
    case FinishReason::kContextFull:
      return "context full";
    default:
      return "another reason";
  }
}

// Runs `compare` with the greedy continuation of every golden prompt.
template <typename Compare>
absl::Status ForEachGeneration(CheckedModel& model, const std::vector<TokenId>& eos_token_ids,
                               Compare compare) {
  const absl::StatusOr<std::vector<GoldenGeneration>> all = model.golden().Generations();
  if (!all.ok()) return all.status();
  absl::StatusOr<GreedyRun> run = GreedyRun::Create(model);
  if (!run.ok()) return run.status();
  for (const GoldenGeneration& golden : *all) {
    const absl::StatusOr<Generation> generation =
        run->Generate(golden.prompt_ids, kGoldenNewTokens, eos_token_ids);
    if (!generation.ok()) return generation.status();
    compare(*generation, golden);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status MeasureEncoding(CheckedModel& model, Measurement& measurement) {
  const absl::StatusOr<std::vector<GoldenGeneration>> all = model.golden().Generations();
  if (!all.ok()) return all.status();
  const absl::StatusOr<Tokenizer> tokenizer = model.LoadTokenizer();
  if (!tokenizer.ok()) return tokenizer.status();
  for (const GoldenGeneration& golden : *all) {
    if (!golden.prompt) continue;
    const absl::StatusOr<std::vector<TokenId>> ids =
        tokenizer->Encode(*golden.prompt, SpecialTokens::kAsText);
    if (!ids.ok()) return ids.status();
    measurement.CompareTokens(*ids, golden.prompt_ids, absl::StrCat("ids of ", NameOf(golden)));
  }
  return absl::OkStatus();
}

absl::Status MeasureGeneration(CheckedModel& model, Measurement& measurement) {
  return ForEachGeneration(model, {}, [&](const Generation& got, const GoldenGeneration& golden) {
    const std::string what = absl::StrCat("after ", NameOf(golden));
    measurement.CompareTokens(TokensOf(got), golden.tokens, what);
    if (golden.text) measurement.CompareTexts(got.text, *golden.text, what);
    const FinishReason reason = golden.tokens.size() == kGoldenNewTokens
                                    ? FinishReason::kMaxTokens
                                    : FinishReason::kContextFull;
    measurement.CompareTexts(NameOf(got.finish.reason), NameOf(reason),
                             absl::StrCat("why the text ends ", what));
  });
}

absl::Status MeasureGenerationUntilEos(CheckedModel& model, Measurement& measurement) {
  return ForEachGeneration(
      model, model.config().eos_token_ids,
      [&](const Generation& got, const GoldenGeneration& golden) {
        const std::string what = absl::StrCat("until end of text, after ", NameOf(golden));
        measurement.CompareTokens(TokensOf(got),
                                  std::span(golden.tokens).first(golden.tokens_until_eos), what);
        if (golden.tokens_until_eos == golden.tokens.size()) return;
        measurement.CompareTexts(NameOf(got.finish.reason), NameOf(FinishReason::kEos),
                                 absl::StrCat("why the text ends ", what));
      });
}

}  // namespace cascade::model
