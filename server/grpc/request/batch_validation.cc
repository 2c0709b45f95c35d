// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/request/batch_validation.h"

#include <algorithm>
#include <cstddef>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/grpc/model_info.h"
#include "server/grpc/request/batch_request.h"
#include "server/grpc/request/limits.h"
#include "server/grpc/request/validation.h"
#include "server/grpc/request/violations.h"

namespace cascade::server {
namespace {

// A client takes 8 KiB of trailers.
constexpr std::size_t kToldInputs = 16;

void CheckCommon(const BatchRequest& request, const ModelInfo& info, Violations& violations) {
  TextRequest common;
  common.request_id = request.request_id;
  common.cache = request.cache;
  common.priority = request.priority;
  common.max_priority = request.max_priority;
  ValidateIdentityAndSchedule(common, info, violations);
}

// What is wrong with the input at `path`, be it too long or not. Texts are told by bytes.
void CheckInput(const std::string& path, const InputText& input, const ModelInfo& info,
                Violations& violations) {
  if (input.text) {
    CheckTextSize(absl::StrCat(path, ".text"), *input.text, violations);
  } else if (input.token_ids) {
    CheckTokenIds(absl::StrCat(path, ".token_ids"), *input.token_ids, info, violations);
  }
}

// The same, and it must not be empty.
void CheckNotEmpty(const std::string& path, const InputText& input, Violations& violations) {
  if (!input.text && !input.token_ids) {
    violations.Add(path, "must be set: text or token_ids");
  } else if (input.empty()) {
    violations.Add(absl::StrCat(path, input.text ? ".text" : ".token_ids"),
                   input.text ? "must not be empty" : "must have at least one token");
  }
}

// How many tokens a text is, is not known yet, but no fewer than if each were the vocabulary's
// longest.
std::size_t FewestTokens(const InputText& input, const ModelInfo& info) {
  if (input.token_ids) return input.token_ids->size();
  if (!input.text || info.max_token_bytes == 0) return 0;
  return input.text->size() / info.max_token_bytes;
}

// A continuation may be only so long together with what stands before it.
void CheckLength(const std::string& path, std::size_t prompt, const InputText& continuation,
                 const ModelInfo& info, Violations& violations) {
  const std::size_t fewest = prompt + FewestTokens(continuation, info);
  if (fewest <= info.MaxPositions() + 1) return;
  violations.Add(path, absl::StrCat("is, with its prompt, at least ",
                                    SequenceTooLong(fewest, info.MaxPositions() + 1, info)));
}

void CheckItem(const std::string& path, const ScoringRequest::Item& item, const ModelInfo& info,
               Violations& violations) {
  const std::string prompt = absl::StrCat(path, ".prompt");
  CheckInput(prompt, item.prompt, info, violations);
  if (item.prompt.empty() && info.defaults.eos_token_ids.empty()) {
    violations.Add(prompt,
                   "must not be empty: the model has no end-of-text token that could stand for it");
  }
  const std::string continuations = absl::StrCat(path, ".continuations");
  if (item.continuations.empty()) {
    violations.Add(continuations, "must have at least one continuation");
  }
  const std::size_t before = std::max<std::size_t>(FewestTokens(item.prompt, info), 1);
  const std::size_t told = violations.size();
  for (std::size_t i = 0; i < item.continuations.size(); ++i) {
    if (violations.size() >= told + kToldInputs) return;
    const std::string place = Element(continuations, i);
    CheckInput(place, item.continuations[i], info, violations);
    CheckNotEmpty(place, item.continuations[i], violations);
    CheckLength(place, before, item.continuations[i], info, violations);
  }
}

}  // namespace

void Validate(const ScoringRequest& request, const ModelInfo& info, Violations& violations) {
  CheckCommon(request, info, violations);
  if (request.items.empty()) violations.Add("items", "must have at least one item");
  CheckCount("items", request.requests(), kMaxScoreContinuations, "continuations", violations);
  const std::size_t told = violations.size();
  for (std::size_t i = 0; i < request.items.size(); ++i) {
    if (violations.size() >= told + kToldInputs) return;
    CheckItem(Element("items", i), request.items[i], info, violations);
  }
}

void Validate(const EmbeddingRequest& request, const ModelInfo& info, Violations& violations) {
  CheckCommon(request, info, violations);
  if (request.inputs.empty()) violations.Add("inputs", "must have at least one input");
  CheckCount("inputs", request.inputs.size(), kMaxEmbedInputs, "inputs", violations);
  if (request.truncation && request.truncation->max_prompt_tokens == 0U) {
    violations.Add("truncation.max_prompt_tokens", "is 0; must be at least 1");
  }
  const std::size_t before = violations.size();
  for (std::size_t i = 0; i < request.inputs.size(); ++i) {
    if (violations.size() >= before + kToldInputs) return;
    const InputText& input = request.inputs[i];
    const std::string path = Element("inputs", i);
    CheckInput(path, input, info, violations);
    CheckNotEmpty(path, input, violations);
    const std::size_t fewest = FewestTokens(input, info);
    if (request.truncation || fewest <= info.MaxPositions()) continue;
    violations.Add(absl::StrCat(path, input.text ? ".text" : ".token_ids"),
                   absl::StrCat(input.text ? "is at least " : "is ",
                                SequenceTooLong(fewest, info.MaxPositions(), info),
                                "; shorten it, or set truncation"));
  }
}

}  // namespace cascade::server
