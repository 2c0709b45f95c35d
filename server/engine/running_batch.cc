// SPDX-License-Identifier: Apache-2.0

#include "server/engine/running_batch.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "server/engine/exception_status.h"
#include "server/engine/limits.h"

namespace cascade::server {
namespace {

absl::Status ReaderTooSlow(absl::Duration limit) {
  return absl::AbortedError(
      absl::StrCat("the stream was not read for ", absl::FormatDuration(limit),
                   " while there was more to send; read it, or ask for less"));
}

}  // namespace

RunningBatch::RunningBatch(std::unique_ptr<model::LanguageModel> model, model::KvCache cache,
                           const model::Tokenizer& tokenizer, Scheduler scheduler,
                           const Options& options, const std::function<absl::Time()>& clock)
    : model_step_(std::move(model), std::move(scheduler), options.speculate),
      tokenizer_(tokenizer),
      options_(options),
      clock_(clock),
      reader_too_slow_(ReaderTooSlow(options.stalled_reader_limit)),
      placement_(std::move(cache),
                 {.prefix_cache = options.prefix_cache,
                  .kv_overcommit = options.kv_overcommit,
                  .n_ctx = model_step_.config().n_ctx},
                 groups_, counts_),
      completions_(options.max_requests, counts_) {
  ready_.reserve(model_step_.max_running());
}

std::size_t RunningBatch::size() const {
  std::size_t size = 0;
  for (const auto& group : groups_) size += group->CountUnfinished();
  return size;
}

std::size_t RunningBatch::CountPreempted() const {
  std::size_t preempted = 0;
  for (const auto& group : groups_) preempted += group->CountPreempted();
  return preempted;
}

std::size_t RunningBatch::CountStalled() const {
  std::size_t stalled = 0;
  for (const auto& group : groups_) stalled += group->stalled() ? group->CountUnfinished() : 0;
  return stalled;
}

std::size_t RunningBatch::PendingTokens() const {
  std::size_t pending = 0;
  for (const auto& group : groups_) pending += group->stalled() ? 0 : group->PendingTokens();
  return pending;
}

std::size_t RunningBatch::MostTokensToCome() const {
  std::size_t tokens = 0;
  for (const auto& group : groups_) tokens += group->stalled() ? 0 : group->MostTokensToCome();
  return tokens;
}

// --- Between steps

void RunningBatch::Reap(absl::FunctionRef<absl::Status(const GenerationRequest&)> reason,
                        absl::Time now) {
  for (const auto& group : groups_) {
    const bool was_stalled = group->stalled();
    group->PollSink(now, options_.stalled_reader_limit / 4);
    if (group->stalled() && !was_stalled) ++counts_.stalls;
    absl::Status status = reason(group->request());
    if (status.ok() && group->stalled_for() > options_.stalled_reader_limit) {
      status = reader_too_slow_;
    }
    if (!status.ok()) {
      completions_.Fail(*group, std::move(status));
    } else if (now >= group->request().finish_by) {
      completions_.FinishAtTimeLimit(*group, now);
    }
  }
  ForgetEnded();
}

void RunningBatch::ForgetEnded() {
  ready_.clear();  // it may point to sequences of the groups that go
  std::erase_if(groups_, [](const auto& group) { return group->released(); });
}

void RunningBatch::SelectReady() {
  bool blocks_are_short = false;
  for (const auto& group : groups_) {
    if (group->stalled()) continue;
    // When one group cannot get its blocks, younger groups must not take them from under it. (Beams
    // take those that the first of them keeps for the others, or else give all of theirs back.)
    const bool keeps_blocks = group->beams() != nullptr && group->FindPlaced() != nullptr;
    if (blocks_are_short && !keeps_blocks) continue;
    if (!PlaceAgain(*group)) blocks_are_short = true;
  }
  ForgetEnded();
  for (const auto& group : groups_) {
    if (group->stalled()) continue;
    for (const auto& choice : group->choices()) {
      if (ready_.size() == model_step_.max_running()) return;
      if (group->CanRun(*choice)) ready_.push_back(choice.get());
    }
  }
}

// Gives blocks to the choices of a group that have none. False if there are not enough.
bool RunningBatch::PlaceAgain(RequestGroup& group) {
  try {
    for (const auto& choice : group.choices()) {
      // Of a group without blocks, the first choice runs the prompt, and the others wait for it.
      if (choice->has_blocks() || choice->finished() || group.RunsPrompt()) continue;
      if (placement_.TryPlaceAgain(*choice)) continue;
      if (group.beams() != nullptr) placement_.Preempt(*choice);
      return false;
    }
  } catch (...) {
    completions_.Fail(group, StatusOfException(kWhileRunning));
  }
  return true;
}

// A place for each choice from the start, though one sequence alone runs the prompt: then a group
// never has to wait for places half-way. Also false while a preempted sequence waits for blocks,
// which newcomers would otherwise take from it again and again.
bool RunningBatch::HasPlaces(std::size_t choices) const {
  std::size_t taken = 0;
  for (const auto& group : groups_) {
    if (group->stalled()) continue;
    if (group->CountPreempted() > 0) return false;
    taken += group->CountUnfinished();
  }
  return taken + choices <= model_step_.max_running();
}

bool RunningBatch::TryStart(QueuedRequest& queued) {
  if (!HasPlaces(queued.request.choices)) return false;
  TokenSink& sink = *queued.request.sink;
  try {
    std::optional<BlockPlacement::Shared> blocks = placement_.TryAllocateStart(queued.request);
    if (!blocks) return false;
    auto group =
        std::make_unique<RequestGroup>(std::move(queued), model_step_.config().n_ctx, tokenizer_);
    Sequence& first = *group->choices().front();
    const absl::StatusOr<std::optional<model::Finish>> finish = Resume(*group);
    if (!finish.ok()) {
      completions_.Fail(*group, finish.status());
      return true;
    }
    first.Place(std::move(blocks->table), blocks->cached_tokens);
    sink.OnStarted(blocks->cached_tokens);
    if (*finish) {
      completions_.Finish(first, {.token = {}, .text = {}, .finish = *finish}, clock_());
      return true;
    }
    groups_.push_back(std::move(group));
    ready_.push_back(&first);
    counts_.cached_tokens += blocks->cached_tokens;
  } catch (...) {
    completions_.FailUnstarted(sink, StatusOfException(kWhileRunning));
  }
  return true;
}

// Has a request that resumes an answer take what there is of it; how it ended, if that was all.
absl::StatusOr<std::optional<model::Finish>> RunningBatch::Resume(const RequestGroup& group) {
  if (group.request().resumed == 0) return std::nullopt;
  return group.choices().front()->Resume();
}

// --- A step

std::size_t RunningBatch::Step() {
  std::span<const PlannedChunk> plan;
  model::StepOutputs outputs;
  try {
    placement_.MakeRoom(ready_);
    std::erase_if(ready_, [](const Sequence* sequence) { return !sequence->has_blocks(); });
    plan = model_step_.Plan(ready_);
    outputs = model_step_.Run(plan, ready_, clock_(), placement_.cache());
  } catch (...) {
    FailStep(plan, StatusOfException(kWhileRunning));
    return 0;
  }
  ++counts_.steps;
  TakeOutputs(plan, outputs);
  ForgetEnded();
  return model_step_.rows();
}

// Ends the requests of the step, or, if it was not even planned, all that would have been in it.
void RunningBatch::FailStep(std::span<const PlannedChunk> plan, const absl::Status& status) {
  for (const PlannedChunk& chunk : plan) {
    completions_.Fail(ready_[chunk.sequence]->group(), status);
  }
  for (Sequence* const sequence : ready_) {
    if (plan.empty()) completions_.Fail(sequence->group(), status);
  }
  ForgetEnded();
}

void RunningBatch::TakeOutputs(std::span<const PlannedChunk> plan,
                               const model::StepOutputs& outputs) {
  const absl::Time now = clock_();
  std::size_t logits = 0;  // rows that were taken
  std::size_t hidden = 0;
  for (const PlannedChunk& chunk : plan) {
    Sequence& sequence = *ready_[chunk.sequence];
    const std::size_t rows = chunk.outputs.count;
    if (sequence.request().hidden_from) {
      TakeHiddenOf(sequence, chunk, outputs.hidden.Rows(std::exchange(hidden, hidden + rows), rows),
                   now);
      continue;
    }
    // A group may have failed by one of its choices, earlier in this step.
    if (!sequence.group().released()) {
      TakeTokensOf(sequence, chunk, outputs.logits.Rows(logits, rows), now);
    }
    logits += rows;
  }
}

// `hidden`: the rows of chunk.outputs.
void RunningBatch::TakeHiddenOf(Sequence& sequence, const PlannedChunk& chunk,
                                model::ConstMatF hidden, absl::Time now) {
  RequestGroup& group = sequence.group();
  try {
    absl::Status status = hidden.rows() > 0 ? group.DeliverHidden(hidden) : absl::OkStatus();
    if (!status.ok()) completions_.Fail(group, std::move(status));
  } catch (...) {
    completions_.Fail(group, StatusOfException(kWhileRunning));
  }
  if (!group.released()) Advance(sequence, chunk.tokens, now);
}

// `logits`: of the rows of chunk.outputs: those that score tokens of the prompt, then one for the
// last pending token and one for each of the draft.
void RunningBatch::TakeTokensOf(Sequence& sequence, const PlannedChunk& chunk,
                                model::ConstMatF logits, absl::Time now) {
  if (sequence.group().ScoresPrompt() && logits.rows() > 0) {
    const std::size_t scored = ScorePrompt(sequence, chunk, logits);
    if (sequence.group().released()) return;
    logits = logits.Rows(scored, logits.rows() - scored);
  }
  if (!Advance(sequence, chunk.tokens, now)) return;
  if (logits.rows() == 0) return;
  if (sequence.group().beams() != nullptr) {
    TakeBeam(sequence, logits.Row(0), now);
    return;
  }
  counts_.drafted_tokens += chunk.draft;
  sequence.group().CountDrafted(chunk.draft);
  const absl::Time last = sequence.last_token_at();
  const std::size_t had = sequence.generated_tokens();
  ChooseTokens(sequence, chunk, logits, now);
  const std::size_t gained = sequence.generated_tokens() - had;
  if (had == 0 || gained == 0) return;
  counts_.token_intervals.Add(absl::ToDoubleSeconds(now - last) / static_cast<double>(gained),
                              gained);
}

// Has the rows before the prompt's last position score the tokens behind them. Returns how many
// these rows are.
std::size_t RunningBatch::ScorePrompt(Sequence& sequence, const PlannedChunk& chunk,
                                      model::ConstMatF logits) {
  RequestGroup& group = sequence.group();
  const std::size_t last = sequence.request().prompt.size() - 1 - sequence.position();
  const std::size_t count = std::min(logits.rows(), last - std::min(last, chunk.outputs.first));
  try {
    absl::StatusOr<std::vector<model::GeneratedToken>> scored =
        group.ScorePrompt(logits.Rows(0, count));
    if (scored.ok()) {
      group.request().sink->OnPrompt(*std::move(scored));
    } else {
      completions_.Fail(group, scored.status());
    }
  } catch (...) {
    completions_.Fail(group, StatusOfException(kWhileRunning));
  }
  return count;
}

// The token of each row, as long as the draft turns out right.
void RunningBatch::ChooseTokens(Sequence& sequence, const PlannedChunk& chunk,
                                model::ConstMatF logits, absl::Time now) {
  std::size_t accepted = 0;
  for (std::size_t row = 0; row < logits.rows(); ++row) {
    const bool is_first = sequence.generated_tokens() == 0;
    const bool goes_on = is_first ? TakeFirstTokens(sequence, logits.Row(row), now)
                                  : TakeToken(sequence, logits.Row(row), now);
    if (!goes_on) return;
    if (accepted == chunk.draft || !sequence.AcceptDrafted()) break;
    ++accepted;
    ++counts_.accepted_tokens;
    sequence.group().CountAccepted(1);  // at once: the next token may end the request
  }
  sequence.LearnFromDraft(chunk.draft, accepted);
}

// Keeps the logits of a beam. Once all beams of the request have theirs, the search goes on.
void RunningBatch::TakeBeam(Sequence& sequence, std::span<const float> logits, absl::Time now) {
  RequestGroup& group = sequence.group();
  Beams& beams = *group.beams();
  try {
    beams.Keep(sequence.choice(), logits);
    if (!beams.IsComplete()) return;
    const std::size_t before = beams.generated_tokens();
    const absl::StatusOr<std::vector<Beams::Move>> moves = beams.Step();
    if (!moves.ok()) {
      completions_.Fail(group, moves.status());
      return;
    }
    group.MarkToken(now);
    counts_.generated_tokens += beams.generated_tokens() - before;
    if (beams.search().done()) {
      completions_.FinishBeams(group, beams.search().TakeAnswers(), now);
    } else {
      placement_.FollowBeams(group, *moves);
    }
  } catch (...) {
    completions_.Fail(group, StatusOfException(kWhileRunning));
  }
}

// All choices of a group choose their first tokens from the same row of logits. Forks the prompt's
// blocks before that, while `first` is sure to hold them: its first token may be its last, and with
// drafted tokens accepted, its blocks would hold more than the prompt.
bool RunningBatch::TakeFirstTokens(Sequence& first, std::span<const float> logits, absl::Time now) {
  RequestGroup& group = first.group();
  try {
    placement_.ForkPrompt(first);
  } catch (...) {
    completions_.Fail(group, StatusOfException(kWhileRunning));
  }
  for (const auto& choice : group.choices()) {
    if (group.released()) return false;
    TakeToken(*choice, logits, now);
  }
  return !group.released() && !first.finished();
}

// `tokens` of the pending ones have run. False if the request ends with them.
bool RunningBatch::Advance(Sequence& sequence, std::size_t tokens, absl::Time now) {
  const std::size_t first_time = sequence.Advance(tokens);
  const std::size_t prompt = sequence.request().prompt.size();
  const std::size_t end = sequence.position();  // first_time tokens before it are new
  counts_.recomputed_tokens += tokens - first_time;
  counts_.prompt_tokens += std::min(prompt, end) - std::min(prompt, end - first_time);
  placement_.Publish(sequence);
  if (Generates(sequence.request()) || sequence.pending() > 0) return true;
  completions_.FinishPrompt(sequence.group(), now);
  return false;
}

// Chooses one token. False if the sequence ends with it.
bool RunningBatch::TakeToken(Sequence& sequence, std::span<const float> logits, absl::Time now) {
  RequestGroup& group = sequence.group();
  try {
    absl::StatusOr<model::DecodingStep> step = sequence.Next(logits);
    if (!step.ok()) {
      completions_.Fail(group, step.status());
      return false;
    }
    group.MarkToken(now);
    sequence.MarkToken(now);
    ++counts_.generated_tokens;
    if (!step->finish) {
      group.request().sink->OnStep(sequence.choice(), *std::move(step));
      return true;
    }
    placement_.Publish(sequence);
    completions_.Finish(sequence, *std::move(step), now);
  } catch (...) {
    completions_.Fail(group, StatusOfException(kWhileRunning));
  }
  return false;
}

}  // namespace cascade::server
