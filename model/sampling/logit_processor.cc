// SPDX-License-Identifier: Apache-2.0

#include "model/sampling/logit_processor.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"

namespace cascade::model {
namespace {

bool IsFinite(float logit) { return std::isfinite(logit); }

}  // namespace

void LogitProcessorList::Add(std::unique_ptr<LogitProcessor> processor) {
  processors_.push_back(std::move(processor));
}

bool LogitProcessorList::active() const {
  return std::ranges::any_of(processors_, [](const auto& each) { return each->active(); });
}

absl::Status LogitProcessorList::Process(std::span<float> logits) {
  for (const auto& processor : processors_) {
    if (processor->active()) processor->Process(logits);
  }
  if (std::ranges::any_of(logits, IsFinite)) return absl::OkStatus();
  std::string message = absl::StrCat("all ", logits.size(), " tokens are excluded");
  for (const auto& processor : processors_) {
    if (processor->active()) absl::StrAppend(&message, "; ", processor->Describe());
  }
  return absl::InvalidArgumentError(absl::StrCat(message, "; one token at least must be left"));
}

void LogitProcessorList::Accept(TokenId token) {
  for (const auto& processor : processors_) processor->Accept(token);
}

}  // namespace cascade::model
