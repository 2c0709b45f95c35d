#include "tests/server/engine/fake_model.h"

#include <utility>

namespace cascade::testing {
namespace {

constexpr std::size_t kVocabSize = 16;
constexpr std::uint64_t kNothing = 0x9E3779B97F4A7C15U;  // the state before the first token

std::uint64_t Mix(std::uint64_t state) {
  state ^= state >> 31U;
  state *= 0xBF58476D1CE4E5B9U;
  return state ^ (state >> 29U);
}

std::uint64_t Read(std::uint64_t state, model::TokenId token) {
  return Mix(state * 31 + token + 1);
}

void WriteLogits(std::uint64_t state, model::TokenId token, std::span<float> logits) {
  for (std::size_t i = 0; i < logits.size(); ++i) {
    logits[i] = static_cast<float>((state >> i) & 0xFFU) / 256.0F;
  }
  const bool goes_round = state % 8 > 0;
  logits[goes_round ? (token * 5U + 3U) % 4U : (state >> 32U) % logits.size()] += 4.0F;
}

}  // namespace

model::ModelConfig FakeConfig() {
  return {.n_layer = 1,
          .n_head = 1,
          .n_embd = 1,
          .n_inner = 1,
          .n_ctx = 64,
          .vocab_size = kVocabSize,
          .eos_token_ids = {}};
}

FakeModel::FakeModel(std::size_t num_blocks, std::size_t max_rows)
    : config_(FakeConfig()),
      max_rows_(max_rows),
      cells_(num_blocks * model::kernels::kBlockPositions) {}

FakeModel::Cell& FakeModel::At(const model::BlockTable& blocks, std::size_t position) {
  constexpr std::size_t kPositions = model::kernels::kBlockPositions;
  return cells_[blocks.ids()[position / kPositions] * kPositions + position % kPositions];
}

void FakeModel::Run(const model::Chunk& chunk) {
  std::uint64_t state = kNothing;
  for (std::size_t position = 0; position < chunk.start; ++position) {
    const Cell& cell = At(*chunk.blocks, position);
    state = Read(state, cell.token);
    is_broken_ |= cell.state != state;
  }
  for (std::size_t i = 0; i < chunk.tokens.size(); ++i) {
    state = Read(state, chunk.tokens[i]);
    At(*chunk.blocks, chunk.start + i) = {.state = state, .token = chunk.tokens[i]};
    states_[chunk.row + i] = state;
  }
}

model::StepOutputs FakeModel::Forward(const model::Batch& batch, const model::OutputRows& rows,
                                      model::KvCache& /*cache*/) {
  is_broken_ |= batch.rows() > max_rows_;
  states_.resize(batch.rows());
  std::vector<model::TokenId> tokens;
  for (const model::Chunk& chunk : batch.chunks()) {
    Run(chunk);
    tokens.insert(tokens.end(), chunk.tokens.begin(), chunk.tokens.end());
  }
  logits_.clear();
  for (const model::RowRange& range : rows.logits) {
    for (std::size_t row = range.first; row < range.end(); ++row) {
      logits_.resize(logits_.size() + kVocabSize);
      WriteLogits(states_[row], tokens[row], std::span(logits_).last(kVocabSize));
    }
  }
  hidden_.clear();
  for (const model::RowRange& range : rows.hidden) {
    for (std::size_t row = range.first; row < range.end(); ++row) {
      hidden_.push_back(static_cast<float>(states_[row] >> 40U));  // exact: 24 bits
    }
  }
  return {.logits = {logits_.data(), logits_.size() / kVocabSize, kVocabSize},
          .hidden = {hidden_.data(), hidden_.size(), 1}};
}

SinkRecord RunFakeAlone(std::span<const model::TokenId> prompt,
                        const model::GenerationParams& params, const model::Tokenizer& tokenizer) {
  model::Decoding decoding(params, /*choice=*/0, prompt.size(), FakeConfig().n_ctx, tokenizer);
  SinkRecord record;
  record.end = absl::OkStatus();
  std::vector<float> logits(kVocabSize);
  std::uint64_t state = kNothing;
  for (const model::TokenId token : prompt) state = Read(state, token);
  model::TokenId last = prompt.back();
  while (!record.finish) {
    WriteLogits(state, last, logits);
    model::DecodingStep step = *decoding.Next(logits);
    last = step.token->id;
    state = Read(state, last);
    record.tokens.push_back(*std::move(step.token));
    record.text += step.text;
    record.finish = std::move(step.finish);
  }
  return record;
}

}  // namespace cascade::testing
