#include "server/engine/running_batch.h"

#include <cassert>
#include <utility>

#include "absl/status/statusor.h"
#include "server/engine/limits.h"

namespace cascade::server {
namespace {

// Ends `sequence`: its blocks and its permit are back when this returns.
void Fail(std::unique_ptr<Sequence>& sequence, absl::Status status,
          std::vector<Farewell>& farewells) {
  TokenSink* const sink = sequence->request().sink;
  sequence.reset();
  farewells.push_back({.sink = sink, .status = std::move(status)});
}

void Finish(std::unique_ptr<Sequence>& sequence, model::DecodingStep last_step,
            std::vector<Farewell>& farewells) {
  TokenSink* const sink = sequence->request().sink;
  const Timings timings = sequence->timings();
  sequence.reset();
  farewells.push_back({.sink = sink, .last_step = std::move(last_step), .timings = timings});
}

}  // namespace

RunningBatch::RunningBatch(std::unique_ptr<model::Gpt2> model, model::KvCache cache,
                           const model::Tokenizer& tokenizer, Scheduler scheduler,
                           const std::function<absl::Time()>& clock)
    : model_(std::move(model)),
      cache_(std::move(cache)),
      tokenizer_(tokenizer),
      scheduler_(std::move(scheduler)),
      clock_(clock) {
  sequences_.reserve(scheduler_.max_running());
  states_.reserve(scheduler_.max_running());
  logit_rows_.reserve(scheduler_.max_running());
}

bool RunningBatch::HasBlocksFor(const GenerationRequest& request) const {
  const std::size_t positions = PositionsNeeded(request, model_->config().n_ctx);
  return model::KvCache::BlocksFor(positions) <= cache_.free_blocks();
}

void RunningBatch::Start(QueuedRequest request, std::vector<Farewell>& farewells) {
  const std::size_t n_ctx = model_->config().n_ctx;
  TokenSink* const sink = request.request.sink;
  try {
    std::optional<model::BlockTable> blocks =
        cache_.TryAllocate(PositionsNeeded(request.request, n_ctx));
    assert(blocks.has_value());
    sequences_.push_back(
        std::make_unique<Sequence>(std::move(request), *std::move(blocks), n_ctx, tokenizer_));
  } catch (...) {
    farewells.push_back({.sink = sink, .status = StatusOfException()});
  }
}

void RunningBatch::EndIf(absl::FunctionRef<absl::Status(const GenerationRequest&)> why,
                         std::vector<Farewell>& farewells) {
  for (SequencePtr& sequence : sequences_) {
    absl::Status status = why(sequence->request());
    if (!status.ok()) Fail(sequence, std::move(status), farewells);
  }
  ForgetEnded();
}

void RunningBatch::Step(std::vector<Farewell>& farewells) {
  ++counts_.steps;
  states_.clear();
  for (const SequencePtr& sequence : sequences_) states_.push_back({sequence->prompt_left()});
  const std::span<const PlannedChunk> plan = scheduler_.Plan(states_);
  model::ConstMatF logits;
  try {
    logits = RunModel(plan);
  } catch (...) {
    const absl::Status status = StatusOfException();
    for (const PlannedChunk& chunk : plan) Fail(sequences_[chunk.sequence], status, farewells);
    return ForgetEnded();
  }
  TakeTokens(plan, logits, farewells);
  ForgetEnded();
}

model::ConstMatF RunningBatch::RunModel(std::span<const PlannedChunk> plan) {
  const absl::Time now = clock_();
  batch_.Clear();
  logit_rows_.clear();
  for (const PlannedChunk& chunk : plan) {
    Sequence& sequence = *sequences_[chunk.sequence];
    sequence.MarkStarted(now);
    batch_.Add(sequence.blocks(), sequence.position(), sequence.NextTokens(chunk.tokens));
    if (chunk.wants_logits) logit_rows_.push_back(batch_.rows() - 1);
  }
  return model_->Forward(batch_, logit_rows_, cache_);
}

void RunningBatch::TakeTokens(std::span<const PlannedChunk> plan, model::ConstMatF logits,
                              std::vector<Farewell>& farewells) {
  const absl::Time now = clock_();
  std::size_t row = 0;
  for (const PlannedChunk& chunk : plan) {
    SequencePtr& sequence = sequences_[chunk.sequence];
    if (sequence->prompt_left() > 0) counts_.prompt_tokens += chunk.tokens;
    sequence->Advance(chunk.tokens);
    if (chunk.wants_logits) TakeToken(sequence, logits.Row(row++), now, farewells);
  }
}

void RunningBatch::TakeToken(SequencePtr& sequence, std::span<const float> logits, absl::Time now,
                             std::vector<Farewell>& farewells) {
  try {
    absl::StatusOr<model::DecodingStep> step = sequence->Next(logits, now);
    if (!step.ok()) return Fail(sequence, step.status(), farewells);
    ++counts_.generated_tokens;
    if (step->finish) return Finish(sequence, *std::move(step), farewells);
    sequence->request().sink->OnStep(*std::move(step));
  } catch (...) {
    Fail(sequence, StatusOfException(), farewells);
  }
}

void RunningBatch::ForgetEnded() { std::erase(sequences_, nullptr); }

}  // namespace cascade::server
