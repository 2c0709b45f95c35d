// SPDX-License-Identifier: Apache-2.0

#include "model/processors/dry.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace cascade::model {
namespace {

// Beyond this a token is excluded in effect, and a larger penalty would only become infinite.
constexpr double kMaxPenalty = 1e30;

}  // namespace

Dry::Dry(const DryParams& params, std::function<bool(TokenId)> is_breaker,
         std::span<const TokenId> prompt)
    : params_(params), is_breaker_(std::move(is_breaker)) {
  for (const TokenId token : prompt) Append(token);
}

void Dry::Append(TokenId token) {
  tokens_.push_back(token);
  breakers_.push_back(is_breaker_(token));
  since_breaker_ = breakers_.back() ? 0 : since_breaker_ + 1;
}

void Dry::Process(std::span<float> logits) {
  const std::size_t window =
      params_.window == 0 ? tokens_.size() : std::min(params_.window, tokens_.size());
  FindMatches(std::span<const TokenId>(tokens_).last(window));
  FindFollowers(window);
  for (const Follower& follower : followers_) {
    if (follower.token >= logits.size()) continue;
    const double penalty = Penalty(follower.match - params_.allowed_length);
    logits[follower.token] =
        static_cast<float>(static_cast<double>(logits[follower.token]) - penalty);
  }
}

void Dry::FindMatches(std::span<const TokenId> window) {
  // The Z algorithm on the window read backwards. [begin, end) is the match found so far that
  // reaches furthest: what lies in it is known from the window's own end.
  const std::size_t size = window.size();
  const auto backwards = [window, size](std::size_t i) { return window[size - 1 - i]; };
  matches_.assign(size, 0);
  std::size_t begin = 0;
  std::size_t end = 0;
  for (std::size_t i = 1; i < size; ++i) {
    std::size_t match = i < end ? std::min(end - i, matches_[i - begin]) : 0;
    while (i + match < size && backwards(match) == backwards(i + match)) ++match;
    matches_[i] = match;
    if (i + match > end) {
      begin = i;
      end = i + match;
    }
  }
}

void Dry::FindFollowers(std::size_t window) {
  followers_.clear();
  for (std::size_t i = 1; i < window; ++i) {
    const std::size_t match = std::min(matches_[i], since_breaker_);
    const std::size_t next = tokens_.size() - i;
    if (match < params_.allowed_length || breakers_[next]) continue;
    followers_.push_back({tokens_[next], match});
  }
  const auto longest_first = [](const Follower& a, const Follower& b) {
    return a.token != b.token ? a.token < b.token : a.match > b.match;
  };
  std::ranges::sort(followers_, longest_first);
  const auto same_token = [](const Follower& a, const Follower& b) { return a.token == b.token; };
  followers_.erase(std::unique(followers_.begin(), followers_.end(), same_token), followers_.end());
}

double Dry::Penalty(std::size_t exponent) const {
  // One product at a time: no power function, whose last bits differ between libraries.
  double penalty = static_cast<double>(params_.multiplier);
  for (std::size_t i = 0; i < exponent && penalty < kMaxPenalty; ++i) {
    penalty *= static_cast<double>(params_.base);
  }
  return std::min(penalty, kMaxPenalty);
}

std::string Dry::Describe() const {
  return absl::StrCat("penalties.dry has a multiplier of ", params_.multiplier);
}

}  // namespace cascade::model
