// SPDX-License-Identifier: Apache-2.0

#include "model/generation/stop_matcher.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "absl/strings/str_cat.h"

namespace cascade::model {
namespace {

// The length of the longest prefix of `pattern` that a text ends with, if the text without its last
// byte, `next`, ends with `matched` bytes of the pattern.
std::size_t Advance(const std::string& pattern, const std::vector<std::size_t>& failure,
                    std::size_t matched, char next) {
  while (matched > 0 && pattern[matched] != next) matched = failure[matched - 1];
  return pattern[matched] == next ? matched + 1 : 0;
}

// [i]: the length of the longest proper suffix of pattern[0, i] that is also its prefix.
std::vector<std::size_t> FailureFunction(const std::string& pattern) {
  std::vector<std::size_t> failure(pattern.size(), 0);
  for (std::size_t i = 1; i < pattern.size(); ++i) {
    failure[i] = Advance(pattern, failure, failure[i - 1], pattern[i]);
  }
  return failure;
}

}  // namespace

StopMatcher::StopMatcher(std::vector<std::string> stop) {
  patterns_.reserve(stop.size());
  for (std::string& text : stop) {
    assert(!text.empty());
    std::vector<std::size_t> failure = FailureFunction(text);
    patterns_.push_back({std::move(text), std::move(failure)});
  }
}

const StopMatcher::Pattern* StopMatcher::Advance(char next) {
  const Pattern* longest = nullptr;
  for (Pattern& pattern : patterns_) {
    pattern.matched = model::Advance(pattern.text, pattern.failure, pattern.matched, next);
    if (pattern.matched < pattern.text.size()) continue;
    pattern.matched = pattern.failure.back();  // what the next match may begin with
    if (longest == nullptr || pattern.text.size() > longest->text.size()) longest = &pattern;
  }
  return longest;
}

StopMatcher::Result StopMatcher::Push(absl::string_view text, Matches matches) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const Pattern* match = Advance(text[i]);
    if (match == nullptr || matches == Matches::kPassOver) continue;
    absl::StrAppend(&held_, text.substr(0, i + 1));
    held_.resize(held_.size() - match->text.size());
    return {.text = Flush(), .stop = match->text};
  }
  std::size_t hold = 0;
  for (const Pattern& pattern : patterns_) hold = std::max(hold, pattern.matched);
  absl::StrAppend(&held_, text);
  const std::size_t free = held_.size() - hold;
  Result result{.text = held_.substr(0, free), .stop = {}};
  held_.erase(0, free);
  return result;
}

std::string StopMatcher::Flush() { return std::exchange(held_, {}); }

}  // namespace cascade::model
