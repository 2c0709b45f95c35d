// SPDX-License-Identifier: Apache-2.0
// All that is wrong with one request.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "model/token.h"
#include "server/grpc/status.h"

namespace cascade::server {

struct ModelInfo;

// Gathers violations by the paths of TextRequest and reports them by the dialect's names.
class Violations {
 public:
  // As TextRequest::field_name.
  using FieldName = std::string (*)(absl::string_view path);

  explicit Violations(FieldName field_name = nullptr) : field_name_(field_name) {}

  void Add(absl::string_view path, absl::string_view description) {
    list_.push_back(
        {field_name_ == nullptr ? std::string(path) : field_name_(path), std::string(description)});
  }

  // How often Add was called.
  std::size_t size() const { return list_.size(); }

  // OK, or INVALID_ARGUMENT with google.rpc.BadRequest and one violation for each Add.
  absl::Status ToStatus() const {
    return list_.empty() ? absl::OkStatus() : BadRequestError(list_);
  }

 private:
  FieldName field_name_;
  std::vector<FieldViolation> list_;
};

// "stopping.stop[2]"
std::string Element(absl::string_view list, std::size_t index);

// Names the first few ids that the model does not have and counts the others: a prompt may have a
// million.
void CheckTokenIds(absl::string_view path, std::span<const model::TokenId> ids,
                   const ModelInfo& info, Violations& violations);

// The same for what a text was encoded to.
void CheckTokensOfText(absl::string_view path, std::span<const model::TokenId> ids,
                       const ModelInfo& info, Violations& violations);

// A number, unless it is `within` its range: "is 2; must be in [0, 1]". For NaN, write `within` so
// that it fails.
void CheckRange(absl::string_view path, float value, bool within, absl::string_view range,
                Violations& violations);

// A list may have `most` elements: "has 70 words; must have at most 64".
void CheckCount(absl::string_view path, std::size_t count, std::size_t most,
                absl::string_view elements, Violations& violations);

// A text, of a prompt or to tokenize, may have kMaxTextBytes.
void CheckTextSize(absl::string_view path, absl::string_view text, Violations& violations);

}  // namespace cascade::server
