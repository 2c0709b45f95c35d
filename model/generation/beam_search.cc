// SPDX-License-Identifier: Apache-2.0

#include "model/generation/beam_search.h"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <utility>

#include "model/generation/token_log_probs.h"
#include "model/sampling/log_probs.h"

namespace cascade::model {

BeamSearch::BeamSearch(const GenerationParams& params, std::span<const TokenId> prompt,
                       std::size_t n_ctx, const Tokenizer& tokenizer)
    : params_(params),
      beams_(*params.beams),
      prompt_(prompt.begin(), prompt.end()),
      n_ctx_(n_ctx),
      tokenizer_(tokenizer),
      longest_(std::min(params.stopping.max_new_tokens, n_ctx - prompt.size())),
      groups_(beams_.groups) {
  assert(beams_.returned <= beams_.width && beams_.width % beams_.groups == 0);
  for (Group& group : groups_) {
    group.beams.push_back({.tokens = {}, .log_prob = 0.0, .decoding = Replay({})});
  }
}

std::size_t BeamSearch::size() const {
  if (length_ == 0) return 1;
  std::size_t size = 0;
  for (const Group& group : groups_) size += group.beams.size();
  return size;
}

absl::StatusOr<std::vector<BeamSearch::Extension>> BeamSearch::Step(Rows logits) {
  assert(!done() && logits.size() == size());
  for (const std::span<const float> row : logits) {
    if (absl::Status status = CheckFinite(row); !status.ok()) return status;
  }
  taken_.clear();
  std::vector<Extension> extensions;
  absl::Status no_candidates;
  std::size_t first = 0;  // beam of the group
  for (Group& group : groups_) {
    const std::size_t beams = group.beams.size();
    absl::StatusOr<std::vector<Extension>> extended =
        StepGroup(group, logits.subspan(first, beams));
    if (!extended.ok()) {
      no_candidates = extended.status();
      group.beams.clear();
    } else {
      for (const Extension& each : *extended)
        extensions.push_back({first + each.parent, each.token});
    }
    // Before the first step all groups have the same one beam.
    if (length_ > 0) first += beams;
  }
  ++length_;
  const auto has_ended = [](const Group& group) { return !group.ended.empty(); };
  if (done() && std::ranges::none_of(groups_, has_ended)) return no_candidates;
  return extensions;
}

// Returns what the group's beams are extended by, counting parents from its own first beam.
absl::StatusOr<std::vector<BeamSearch::Extension>> BeamSearch::StepGroup(Group& group,
                                                                         Rows logits) {
  if (group.beams.empty()) {
    // Hugging Face pads a group that is done with the end-of-sequence token, which later groups
    // then avoid.
    const std::vector<TokenId>& eos = params_.stopping.eos_token_ids;
    if (!eos.empty()) taken_.insert(taken_.end(), width(), eos.front());
    return std::vector<Extension>();
  }
  absl::StatusOr<std::vector<Candidate>> candidates = FindCandidates(group, logits);
  if (!candidates.ok()) return candidates.status();
  const std::vector<Candidate> open = SplitCandidates(group, *candidates, logits);
  group.beams = Extend(std::move(group.beams), open, logits);
  std::vector<Extension> extensions;
  for (const Candidate& each : open) {
    extensions.push_back({each.beam, each.token});
    taken_.push_back(each.token);
  }
  // With several groups, the best candidate counts whether it has ended or not.
  const bool at_limit = length_ + 1 == longest_;
  const double best =
      has_groups() || open.empty() ? candidates->front().log_prob : open.front().log_prob;
  const bool done = CannotImprove(group, best);
  if (!done && !at_limit) return extensions;
  // With several groups, what is open at the limit has ended there, whatever its place.
  for (Beam& beam : group.beams) {
    if (!done) AddEnded(group, std::move(beam.tokens), beam.log_prob);
  }
  group.beams.clear();
  return std::vector<Extension>();
}

// The best continuations of the group's beams, best first. At least one; INVALID_ARGUMENT if there
// is none.
absl::StatusOr<std::vector<BeamSearch::Candidate>> BeamSearch::FindCandidates(Group& group,
                                                                              Rows logits) {
  // Of one beam's first `ends` + width() tokens, width() do not end it: no token behind them would
  // be followed. Some more, because stop strings and constraints may end a beam at any token.
  const std::size_t ends =
      params_.stopping.eos_token_ids.size() + params_.stopping.stop_token_ids.size();
  const std::size_t wanted = ends + 2 * width();
  std::vector<Candidate> candidates;
  absl::Status no_token;
  for (std::size_t beam = 0; beam < group.beams.size(); ++beam) {
    absl::Status status = ScoreTokens(group.beams[beam], logits[beam]);
    if (!status.ok()) {
      no_token = std::move(status);
      continue;
    }
    SelectBest(scores_, wanted, scratch_);
    for (const ScoredToken& token : scratch_) {
      const double log_prob = group.beams[beam].log_prob + static_cast<double>(token.score);
      candidates.push_back({.beam = beam, .token = token.token, .log_prob = log_prob});
    }
  }
  if (candidates.empty()) return no_token;
  const auto better = [](const Candidate& a, const Candidate& b) {
    if (a.log_prob != b.log_prob) return a.log_prob > b.log_prob;
    return a.beam != b.beam ? a.beam < b.beam : a.token < b.token;
  };
  std::ranges::sort(candidates, better);
  return candidates;
}

// scores_: log-probabilities of the beam's next token, less what diversity costs, as the logit
// processors leave them.
absl::Status BeamSearch::ScoreTokens(Beam& beam, std::span<const float> logits) {
  scores_.resize(logits.size());
  LogSoftmax(logits, scores_);
  for (const TokenId token : taken_) scores_[token] -= beams_.diversity_penalty;
  return beam.decoding->Process(scores_);
}

// Adds the candidates that end an answer to those that have ended, if they are among the best
// width(), and returns the best of the others: at most width().
std::vector<BeamSearch::Candidate> BeamSearch::SplitCandidates(
    Group& group, std::span<const Candidate> candidates, Rows logits) const {
  const bool all_end = !has_groups() && length_ + 1 == longest_;
  std::vector<Candidate> open;
  for (std::size_t rank = 0; rank < candidates.size() && open.size() < width(); ++rank) {
    const Candidate& candidate = candidates[rank];
    const Beam& beam = group.beams[candidate.beam];
    if (!all_end && !beam.decoding->Ends(candidate.token)) {
      open.push_back(candidate);
    } else if (rank < width() && IsAmongBest(group, candidate.log_prob, length_ + 1)) {
      std::vector<GeneratedToken> tokens = beam.tokens;
      tokens.push_back(TokenOf(candidate.token, logits[candidate.beam]));
      AddEnded(group, std::move(tokens), candidate.log_prob);
    }
  }
  return open;
}

// Whether no beam can become better than the answers that have ended, as far as BeamParams goes to
// find out. `best_log_prob` is that of the best beam after this step.
bool BeamSearch::CannotImprove(const Group& group, double best_log_prob) const {
  if (group.ended.size() < width()) return false;
  if (beams_.early_stopping == BeamParams::EarlyStopping::kWhenFull) return true;
  const bool to_the_limit =
      beams_.early_stopping == BeamParams::EarlyStopping::kNever && beams_.length_penalty > 0.0F;
  const double best = ScoreOf(best_log_prob, to_the_limit ? longest_ : length_ + 1);
  return group.ended.back().score >= best;
}

std::vector<BeamSearch::Beam> BeamSearch::Extend(std::vector<Beam> beams,
                                                 std::span<const Candidate> chosen,
                                                 Rows logits) const {
  std::vector<Beam> extended;
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    const Candidate& each = chosen[i];
    Beam& parent = beams[each.beam];
    const bool is_last = std::ranges::none_of(
        chosen.subspan(i + 1), [&each](const Candidate& later) { return later.beam == each.beam; });
    Beam& beam = extended.emplace_back();
    beam.log_prob = each.log_prob;
    beam.decoding = is_last ? std::move(parent.decoding) : Replay(parent.tokens);
    beam.tokens = is_last ? std::move(parent.tokens) : parent.tokens;
    beam.decoding->Take({.id = each.token, .log_probs = {}});
    beam.tokens.push_back(TokenOf(each.token, logits[each.beam]));
  }
  return extended;
}

GeneratedToken BeamSearch::TokenOf(TokenId token, std::span<const float> logits) const {
  GeneratedToken generated = {.id = token, .log_probs = {}};
  if (params_.output.logprobs) generated.log_probs = LogProbsOf(logits, token, params_.output);
  return generated;
}

std::unique_ptr<Decoding> BeamSearch::Replay(std::span<const GeneratedToken> tokens) const {
  auto decoding = std::make_unique<Decoding>(params_, /*choice=*/0, prompt_, n_ctx_, tokenizer_);
  for (const GeneratedToken& token : tokens) decoding->Take({.id = token.id, .log_probs = {}});
  return decoding;
}

double BeamSearch::ScoreOf(double log_prob, std::size_t tokens) const {
  return LengthNormalized(log_prob, tokens, static_cast<double>(beams_.length_penalty));
}

// Whether an answer would be kept.
bool BeamSearch::IsAmongBest(const Group& group, double log_prob, std::size_t tokens) const {
  return group.ended.size() < width() || ScoreOf(log_prob, tokens) > group.ended.back().score;
}

void BeamSearch::AddEnded(Group& group, std::vector<GeneratedToken> tokens, double log_prob) const {
  const double score = ScoreOf(log_prob, tokens.size());
  const auto place = std::ranges::find_if(
      group.ended, [score](const Ended& other) { return other.score < score; });
  group.ended.insert(place, Ended{.tokens = std::move(tokens), .score = score});
  if (group.ended.size() > width()) group.ended.pop_back();
}

// --- Answers

std::vector<BeamSearch::Answer> BeamSearch::TakeAnswers() {
  assert(done());
  return TakeAnswers(FinishReason::kMaxTokens);  // which no answer needs
}

std::vector<BeamSearch::Answer> BeamSearch::Stop(FinishReason reason) {
  for (Group& group : groups_) {
    for (Beam& beam : group.beams) AddEnded(group, std::move(beam.tokens), beam.log_prob);
    group.beams.clear();
    if (length_ == 0) break;  // the one beam of all groups
  }
  return TakeAnswers(reason);
}

std::vector<BeamSearch::Answer> BeamSearch::TakeAnswers(FinishReason reason) {
  std::vector<Ended> ended;
  for (Group& group : groups_) std::ranges::move(group.ended, std::back_inserter(ended));
  std::ranges::stable_sort(ended, std::ranges::greater(), &Ended::score);
  ended.resize(std::min(ended.size(), beams_.returned));
  std::vector<Answer> answers;
  for (Ended& each : ended) answers.push_back(StepsOf(std::move(each), reason));
  return answers;
}

// `reason`: of an answer that neither a token of it nor a limit ends.
BeamSearch::Answer BeamSearch::StepsOf(Ended answer, FinishReason reason) const {
  const std::unique_ptr<Decoding> decoding = Replay({});
  Answer steps;
  for (GeneratedToken& token : answer.tokens) steps.push_back(decoding->Take(std::move(token)));
  if (!decoding->finished()) steps.push_back(decoding->Stop(reason));
  steps.back().finish->beam_score = answer.score;
  return steps;
}

}  // namespace cascade::model
