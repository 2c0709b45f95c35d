// SPDX-License-Identifier: Apache-2.0
// Requests that run many prompts and generate nothing, as every dialect says them.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "model/token.h"
#include "server/grpc/call/hidden_pool.h"
#include "server/grpc/request/text_request.h"

namespace cascade::server {

// A text or its tokens. Borrows them.
struct InputText {
  std::optional<absl::string_view> text;
  std::optional<std::span<const model::TokenId>> token_ids;

  // Neither a byte nor a token.
  bool empty() const { return text ? text->empty() : !token_ids || token_ids->empty(); }
};

// What such requests have in common; the fields are TextRequest's.
struct BatchRequest {
  absl::string_view request_id = {};
  bool parse_special_tokens = false;
  TextRequest::Cache cache = {};
  int priority = 0;
  std::optional<int> max_priority = {};
  std::string (*field_name)(absl::string_view path) = nullptr;
};

// Vectors of hidden states.
struct EmbeddingRequest : BatchRequest {
  std::vector<InputText> inputs = {};
  std::optional<TextRequest::Truncation> truncation = {};
  Pooling pooling = Pooling::kLast;
  bool normalize = false;

  // Requests that the worker will have of it.
  std::size_t requests() const { return inputs.size(); }
};

// Log-likelihoods of continuations.
struct ScoringRequest : BatchRequest {
  struct Item {
    InputText prompt;  // empty: the model's end-of-text token
    std::vector<InputText> continuations;
  };

  std::vector<Item> items = {};
  bool logprobs = false;  // of each token, and not the sums alone

  std::size_t requests() const {
    std::size_t continuations = 0;
    for (const Item& item : items) continuations += item.continuations.size();
    return continuations;
  }
};

}  // namespace cascade::server
