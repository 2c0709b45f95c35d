// SPDX-License-Identifier: Apache-2.0

#include "tests/server/engine/fake_model.h"

#include <utility>

#include "model/generation/beam_generator.h"
#include "model/kernels/kv_block.h"
#include "tests/support/value_or_die.h"

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

// What is remembered of a position: all tokens up to it, and its own. Key and value of two layers,
// as whole numbers of at most 24 bits, which float32 holds exactly.
struct Cell {
  std::uint64_t state = 0;
  model::TokenId token = 0;
};

constexpr std::uint64_t kMask = (std::uint64_t{1} << 22U) - 1;  // three of these make 64 bits

void WriteCell(model::KvCache& cache, const model::BlockTable& blocks, std::size_t position,
               const Cell& cell) {
  const float numbers[] = {static_cast<float>(cell.state & kMask),
                           static_cast<float>((cell.state >> 22U) & kMask),
                           static_cast<float>(cell.state >> 44U), static_cast<float>(cell.token)};
  for (std::size_t layer = 0; layer < 2; ++layer) {
    cache.Write(blocks, {.layer = layer, .head = 0}, position, {&numbers[2 * layer], 1, 1},
                {&numbers[2 * layer + 1], 1, 1});
  }
}

Cell ReadCell(const model::KvCache& cache, const model::BlockTable& blocks, std::size_t position) {
  constexpr std::size_t kPositions = model::kernels::kBlockPositions;
  std::uint64_t numbers[4];
  for (std::size_t layer = 0; layer < 2; ++layer) {
    const model::HeadKeysValues head = cache.Read(blocks, {.layer = layer, .head = 0});
    float key = 0;
    float value = 0;
    ReadKey(cache.type(), head.keys.Block(position / kPositions), position % kPositions, {&key, 1});
    ReadValue(cache.type(), head.values.Block(position / kPositions), position % kPositions,
              {&value, 1});
    numbers[2 * layer] = static_cast<std::uint64_t>(key);
    numbers[2 * layer + 1] = static_cast<std::uint64_t>(value);
  }
  return {.state = numbers[0] | numbers[1] << 22U | numbers[2] << 44U,
          .token = static_cast<model::TokenId>(numbers[3])};
}

}  // namespace

model::ModelConfig FakeConfig() {
  return {.n_layer = 2,
          .n_head = 1,
          .n_embd = 1,
          .n_inner = 1,
          .n_ctx = 64,
          .vocab_size = kVocabSize,
          .eos_token_ids = {}};
}

FakeModel::FakeModel(std::size_t max_rows) : config_(FakeConfig()), max_rows_(max_rows) {}

void FakeModel::Run(const model::Chunk& chunk, model::KvCache& cache) {
  std::uint64_t state = kNothing;
  for (std::size_t position = 0; position < chunk.start; ++position) {
    const Cell cell = ReadCell(cache, *chunk.blocks, position);
    state = Read(state, cell.token);
    is_broken_ |= cell.state != state;
  }
  for (std::size_t i = 0; i < chunk.tokens.size(); ++i) {
    state = Read(state, chunk.tokens[i]);
    WriteCell(cache, *chunk.blocks, chunk.start + i, {.state = state, .token = chunk.tokens[i]});
    states_[chunk.row + i] = state;
  }
}

model::StepOutputs FakeModel::Forward(const model::Batch& batch, const model::OutputRows& rows,
                                      model::KvCache& cache) {
  is_broken_ |= batch.rows() > max_rows_;
  states_.resize(batch.rows());
  std::vector<model::TokenId> tokens;
  for (const model::Chunk& chunk : batch.chunks()) {
    Run(chunk, cache);
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
                        const model::GenerationParams& params, const model::Tokenizer& tokenizer,
                        std::uint32_t choice) {
  model::Decoding decoding(params, choice, prompt, FakeConfig().n_ctx, tokenizer);
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

std::vector<SinkRecord> RunFakeBeamsAlone(std::span<const model::TokenId> prompt,
                                          const model::GenerationParams& params,
                                          const model::Tokenizer& tokenizer) {
  FakeModel model(FakeConfig().n_ctx);
  model::KvCache cache = *model::KvCache::Create(FakeConfig(), 24);
  std::vector<SinkRecord> records;
  for (model::Generation& made :
       ValueOrDie(model::GenerateBeams(model, tokenizer, cache, prompt, params))) {
    SinkRecord& record = records.emplace_back();
    record.tokens = std::move(made.tokens);
    record.text = std::move(made.text);
    record.finish = std::move(made.finish);
    record.end = absl::OkStatus();
  }
  return records;
}

}  // namespace cascade::testing
