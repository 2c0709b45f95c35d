// SPDX-License-Identifier: Apache-2.0

#include "model/tokenizer/text_splitter.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace cascade::model {

absl::StatusOr<TextSplitter> TextSplitter::Create(const EncodingRules& rules) {
  TextSplitter splitter;
  std::vector<Cut> cuts = rules.cuts;
  splitter.cuts_ = cuts.size();
  splitter.add_prefix_space_ = rules.add_prefix_space;
  if (rules.words) cuts.push_back(Cut::kWords);
  for (const Cut cut : cuts) {
    absl::StatusOr<WordPattern> pattern = WordPattern::Compile(cut);
    if (!pattern.ok()) return pattern.status();
    splitter.patterns_.push_back(*std::move(pattern));
  }
  return splitter;
}

absl::Status TextSplitter::Split(absl::string_view text, OnWord on_word) const {
  return SplitFrom(0, text, on_word);
}

absl::Status TextSplitter::SplitFrom(std::size_t cut, absl::string_view text,
                                     OnWord on_word) const {
  if (cut < cuts_) {
    absl::Status status;
    status.Update(patterns_[cut].Split(
        text, [&](absl::string_view piece) { status.Update(SplitFrom(cut + 1, piece, on_word)); }));
    return status;
  }
  const bool add_space = add_prefix_space_ && !text.empty() && text.front() != ' ';
  const std::string with_space = add_space ? absl::StrCat(" ", text) : std::string();
  if (add_space) text = with_space;
  if (cut < patterns_.size()) return patterns_[cut].Split(text, on_word);
  if (!text.empty()) on_word(text);
  return absl::OkStatus();
}

}  // namespace cascade::model
