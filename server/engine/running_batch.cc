#include "server/engine/running_batch.h"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "server/engine/limits.h"

namespace cascade::server {
namespace {

using Shared = model::BlockAllocator::Shared;

absl::Status ReaderTooSlow(absl::Duration limit) {
  return absl::AbortedError(
      absl::StrCat("the stream was not read for ", absl::FormatDuration(limit),
                   " while there was more to send; read it, or ask for less"));
}

}  // namespace

RunningBatch::RunningBatch(std::unique_ptr<model::LanguageModel> model, model::KvCache cache,
                           const model::Tokenizer& tokenizer, Scheduler scheduler,
                           const Options& options, const std::function<absl::Time()>& clock)
    : model_(std::move(model)),
      cache_(std::move(cache)),
      tokenizer_(tokenizer),
      scheduler_(std::move(scheduler)),
      options_(options),
      clock_(clock),
      reader_too_slow_(ReaderTooSlow(options.stalled_reader_limit)) {
  completions_.reserve(options.max_requests);
  ready_.reserve(scheduler_.max_running());
  states_.reserve(scheduler_.max_running());
  logit_rows_.reserve(scheduler_.max_running());
}

std::size_t RunningBatch::CountPreempted() const {
  return static_cast<std::size_t>(std::ranges::count_if(
      sequences_, [](const SequencePtr& sequence) { return !sequence->has_blocks(); }));
}

std::size_t RunningBatch::CountStalled() const {
  return static_cast<std::size_t>(std::ranges::count_if(
      sequences_, [](const SequencePtr& sequence) { return sequence->stalled(); }));
}

std::size_t RunningBatch::PendingTokens() const {
  std::size_t pending = 0;
  for (const SequencePtr& sequence : sequences_) {
    if (!sequence->stalled()) pending += sequence->pending();
  }
  return pending;
}

// --- Ends

void RunningBatch::TakeCompletions(std::vector<Completion>& into) {
  std::ranges::move(completions_, std::back_inserter(into));
  completions_.clear();
}

void RunningBatch::Fail(SequencePtr& sequence, absl::Status status) {
  TokenSink* const sink = sequence->request().sink;
  sequence.reset();
  completions_.push_back({.sink = sink, .status = std::move(status)});
}

void RunningBatch::Reap(absl::FunctionRef<absl::Status(const GenerationRequest&)> reason,
                        absl::Time now) {
  for (SequencePtr& sequence : sequences_) {
    sequence->PollSink(now, options_.stalled_reader_limit / 4);
    absl::Status status = reason(sequence->request());
    if (status.ok() && sequence->stalled_for() > options_.stalled_reader_limit) {
      status = reader_too_slow_;
    }
    if (!status.ok()) {
      Fail(sequence, std::move(status));
    } else if (now >= sequence->request().finish_by) {
      FinishAtTimeLimit(sequence, now);
    }
  }
  ForgetEnded();
}

void RunningBatch::FinishAtTimeLimit(SequencePtr& sequence, absl::Time now) {
  try {
    Finish(sequence, sequence->Stop(model::FinishReason::kTimeLimit), now);
  } catch (...) {
    Fail(sequence, StatusOfException());
  }
}

void RunningBatch::Finish(SequencePtr& sequence, model::DecodingStep last_step, absl::Time now) {
  TokenSink* const sink = sequence->request().sink;
  const Timings timings = sequence->timings(now);
  sequence.reset();
  ++counts_.finished;
  completions_.push_back(
      {.sink = sink,
       .last_step = Completion::LastStep{.choice = 0, .step = std::move(last_step)},
       .timings = timings});
}

void RunningBatch::ForgetEnded() {
  std::erase(sequences_, nullptr);
  ready_.clear();  // its indices are no longer good
}

// --- Starts, and blocks

bool RunningBatch::Shares(const GenerationRequest& request) const {
  return options_.prefix_cache && request.use_prefix_cache;
}

std::optional<Shared> RunningBatch::TryAllocate(const GenerationRequest& request,
                                                std::span<const model::TokenId> tokens,
                                                std::size_t positions) {
  if (Shares(request)) return cache_.blocks().TryAllocate(tokens, request.cache_salt, positions);
  std::optional<model::BlockTable> table = cache_.blocks().TryAllocate(positions);
  if (!table) return std::nullopt;
  return Shared{.table = *std::move(table), .cached_tokens = 0};
}

std::optional<Shared> RunningBatch::TryAllocateFromStalled(const GenerationRequest& request,
                                                           std::span<const model::TokenId> tokens,
                                                           std::size_t positions) {
  std::optional<Shared> shared = TryAllocate(request, tokens, positions);
  if (shared) return shared;
  std::size_t obtainable = cache_.blocks().free_blocks();
  for (const SequencePtr& sequence : sequences_) {
    if (sequence && sequence->stalled()) obtainable += sequence->blocks().ids().size();
  }
  if (obtainable < model::BlockAllocator::BlocksFor(positions)) return std::nullopt;
  for (auto sequence = sequences_.rbegin(); sequence != sequences_.rend() && !shared; ++sequence) {
    if (!*sequence || !(*sequence)->stalled() || !(*sequence)->has_blocks()) continue;
    Preempt(**sequence);
    shared = TryAllocate(request, tokens, positions);
  }
  return shared;
}

void RunningBatch::Preempt(Sequence& sequence) {
  sequence.Preempt();
  ++counts_.preemptions;
}

bool RunningBatch::TryPlaceAgain(Sequence& sequence) {
  std::optional<Shared> shared =
      TryAllocateFromStalled(sequence.request(), sequence.tokens(),
                             PositionsNeeded(sequence.request(), model_->config().n_ctx));
  if (shared) sequence.Place(std::move(shared->table), shared->cached_tokens);
  return shared.has_value();
}

void RunningBatch::SelectReady() {
  bool blocks_are_short = false;
  for (SequencePtr& sequence : sequences_) {
    if (sequence->stalled() || sequence->has_blocks() || blocks_are_short) continue;
    try {
      blocks_are_short = !TryPlaceAgain(*sequence);
    } catch (...) {
      Fail(sequence, StatusOfException());
    }
  }
  ForgetEnded();
  for (std::size_t i = 0; i < sequences_.size(); ++i) {
    if (ready_.size() == scheduler_.max_running()) break;
    if (!sequences_[i]->stalled() && sequences_[i]->has_blocks()) ready_.push_back(i);
  }
}

bool RunningBatch::TryStart(QueuedRequest& queued) {
  if (ready_.size() >= scheduler_.max_running()) return false;
  for (const SequencePtr& sequence : sequences_) {
    if (!sequence->has_blocks() && !sequence->stalled()) return false;
  }
  const GenerationRequest& request = queued.request;
  const std::size_t positions = options_.kv_overcommit
                                    ? request.prompt.size()
                                    : PositionsNeeded(request, model_->config().n_ctx);
  TokenSink* const sink = request.sink;
  try {
    std::optional<Shared> shared = TryAllocateFromStalled(request, request.prompt, positions);
    if (!shared) return false;
    auto sequence =
        std::make_unique<Sequence>(std::move(queued), model_->config().n_ctx, tokenizer_);
    sequence->Place(std::move(shared->table), shared->cached_tokens);
    counts_.cached_tokens += shared->cached_tokens;
    sequences_.push_back(std::move(sequence));
    ready_.push_back(sequences_.size() - 1);
  } catch (...) {
    completions_.push_back({.sink = sink, .status = StatusOfException()});
  }
  return true;
}

Sequence& RunningBatch::ChooseVictim() {
  Sequence* victim = nullptr;
  for (const SequencePtr& sequence : sequences_) {  // the last one counts: the youngest
    if (!sequence->has_blocks()) continue;
    if (victim == nullptr || sequence->stalled() || !victim->stalled()) victim = sequence.get();
  }
  assert(victim != nullptr);
  return *victim;
}

// Under overcommit, a decoder may come to the end of its blocks.
void RunningBatch::MakeRoomForDecoders() {
  if (!options_.kv_overcommit) return;
  for (const std::size_t i : ready_) {
    Sequence& sequence = *sequences_[i];
    while (sequence.has_blocks() &&
           !cache_.blocks().TryExtend(sequence.blocks(), sequence.tokens().size())) {
      Preempt(ChooseVictim());
    }
  }
  std::erase_if(ready_, [this](std::size_t i) { return !sequences_[i]->has_blocks(); });
}

// --- Steps

std::size_t RunningBatch::Step() {
  std::span<const PlannedChunk> plan;
  model::ConstMatF logits;
  try {
    MakeRoomForDecoders();
    plan = Plan();
    logits = RunModel(plan);
  } catch (...) {
    FailStep(plan, StatusOfException());
    return 0;
  }
  ++counts_.steps;
  TakeTokens(plan, logits);
  ForgetEnded();
  return batch_.rows();
}

// Ends the sequences of the step, or, if it was not even planned, all that would have been in it.
void RunningBatch::FailStep(std::span<const PlannedChunk> plan, const absl::Status& status) {
  for (const PlannedChunk& chunk : plan) Fail(sequences_[ready_[chunk.sequence]], status);
  for (const std::size_t i : ready_) {
    if (plan.empty()) Fail(sequences_[i], status);
  }
  ForgetEnded();
}

std::span<const PlannedChunk> RunningBatch::Plan() {
  states_.clear();
  for (const std::size_t i : ready_) {
    Sequence& sequence = *sequences_[i];
    SequenceState state{.pending = sequence.pending(), .draft = 0};
    if (state.pending == 1 && options_.speculate && sequence.request().speculate) {
      state.draft = sequence.Draft(sequence.speculation().length());
    }
    states_.push_back(state);
  }
  return scheduler_.Plan(states_);
}

model::ConstMatF RunningBatch::RunModel(std::span<const PlannedChunk> plan) {
  const absl::Time now = clock_();
  batch_.Clear();
  logit_rows_.clear();
  for (const PlannedChunk& chunk : plan) {
    Sequence& sequence = Of(chunk);
    sequence.MarkStarted(now);
    logit_rows_.push_back(
        {.first = batch_.rows() + chunk.logits.first, .count = chunk.logits.count});
    batch_.Add(sequence.blocks(), sequence.position(), sequence.NextTokens(chunk.rows()));
  }
  return model_->Forward(batch_, {.logits = logit_rows_, .hidden = {}}, cache_).logits;
}

void RunningBatch::TakeTokens(std::span<const PlannedChunk> plan, model::ConstMatF logits) {
  const absl::Time now = clock_();
  std::size_t row = 0;
  for (const PlannedChunk& chunk : plan) {
    SequencePtr& sequence = sequences_[ready_[chunk.sequence]];
    TakeTokensOf(sequence, chunk, logits.Rows(row, chunk.logits.count), now);
    row += chunk.logits.count;
  }
}

// `logits`: the rows of chunk.logits, one for the last pending token and one for each of the draft.
void RunningBatch::TakeTokensOf(SequencePtr& sequence, const PlannedChunk& chunk,
                                model::ConstMatF logits, absl::Time now) {
  Advance(*sequence, chunk.tokens);
  Publish(*sequence);
  counts_.drafted_tokens += chunk.draft;
  std::size_t accepted = 0;
  for (std::size_t row = 0; row < logits.rows(); ++row) {
    if (!TakeToken(sequence, logits.Row(row), now)) return;
    if (accepted == chunk.draft || !sequence->AcceptDrafted()) break;
    ++accepted;
    ++counts_.accepted_tokens;
  }
  if (chunk.logits.count > 0) sequence->speculation().Learn(chunk.draft, accepted);
}

void RunningBatch::Advance(Sequence& sequence, std::size_t tokens) {
  const std::size_t first_time = sequence.Advance(tokens);
  const std::size_t prompt = sequence.request().prompt.size();
  const std::size_t end = sequence.position();  // first_time tokens before it are new
  counts_.recomputed_tokens += tokens - first_time;
  counts_.prompt_tokens += std::min(prompt, end) - std::min(prompt, end - first_time);
}

void RunningBatch::Publish(Sequence& sequence) {
  if (Shares(sequence.request())) {
    cache_.blocks().Publish(sequence.blocks(), sequence.run_tokens());
  }
}

// Chooses one token. False if that ended the sequence.
bool RunningBatch::TakeToken(SequencePtr& sequence, std::span<const float> logits, absl::Time now) {
  try {
    absl::StatusOr<model::DecodingStep> step = sequence->Next(logits, now);
    if (!step.ok()) {
      Fail(sequence, step.status());
      return false;
    }
    ++counts_.generated_tokens;
    if (step->finish) {
      Publish(*sequence);
      Finish(sequence, *std::move(step), now);
      return false;
    }
    sequence->request().sink->OnStep(/*choice=*/0, *std::move(step));
    return true;
  } catch (...) {
    Fail(sequence, StatusOfException());
    return false;
  }
}

absl::Status RunningBatch::CheckInvariants() const {
  std::vector<const model::BlockTable*> tables;
  for (const SequencePtr& sequence : sequences_) {
    tables.push_back(&sequence->blocks());
    const bool all_is_well =
        sequence->pending() > 0 && (sequence->has_blocks() || sequence->position() == 0) &&
        sequence->position() <= sequence->blocks().capacity() &&
        cache_.blocks().IsWritableFrom(sequence->blocks(), sequence->position());
    if (all_is_well) continue;
    return absl::InternalError(absl::StrCat(
        "sequence ", sequence->request().id, " has run ", sequence->position(), " of ",
        sequence->tokens().size(), " tokens, and what comes next has no block of its own"));
  }
  for (const std::size_t i : ready_) {
    if (i < sequences_.size() && sequences_[i]->has_blocks() && !sequences_[i]->stalled()) continue;
    return absl::InternalError(absl::StrCat("sequence ", i, " of ", size(), " cannot be ready"));
  }
  return cache_.blocks().CheckConserved(tables);
}

std::string RunningBatch::Describe() const {
  std::string text;
  for (const SequencePtr& sequence : sequences_) {
    const GenerationRequest& request = sequence->request();
    absl::StrAppend(&text, text.empty() ? "" : "; ", request.id, " (prompt ", request.prompt.size(),
                    ", at most ", request.params.stopping.max_new_tokens, " new)");
  }
  return text;
}

}  // namespace cascade::server
