// SPDX-License-Identifier: Apache-2.0
// The flags of commands that take texts: how they are read, and how much of them is kept.
#pragma once

#include <cstdint>
#include <istream>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "tools/cascade/flags.h"

namespace cascade::cli {

class TextFlags {
 public:
  // `flags` borrows this.
  void AddTo(Flags& flags);

  // The text that an argument stands for: itself, or standard input for "-". INVALID_ARGUMENT, in
  // words for the user, if that is too long or not UTF-8.
  absl::StatusOr<std::string> Read(const std::string& argument, std::istream& in) const;

  bool parse_special_tokens() const { return parse_special_tokens_; }

 private:
  bool keep_newline_ = false;
  bool parse_special_tokens_ = false;
};

class TruncationFlags {
 public:
  // `flags` borrows this.
  void AddTo(Flags& flags);

  // Fills what was given into a request that has a truncation.
  template <typename Request>
  void Fill(Request& request) const {
    if (truncate_) request.mutable_truncation();
    if (!max_prompt_tokens_) return;
    request.mutable_truncation()->set_max_prompt_tokens(*max_prompt_tokens_);
  }

 private:
  bool truncate_ = false;
  std::optional<std::uint32_t> max_prompt_tokens_;
};

}  // namespace cascade::cli
