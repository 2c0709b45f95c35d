// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/model_cells.h"

#include <algorithm>
#include <chrono>
#include <random>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "model/cache/kv_cache.h"
#include "model/layers/batch.h"
#include "tests/bench/median.h"

namespace cascade::bench {
namespace {

using model::TokenId;

std::vector<Cell> AllCells() {
  return {{.name = "prefill512", .tokens = 512},
          {.name = "decode512", .depth = 512, .steps = 128},
          {.name = "streams8", .sequences = 8, .depth = 64, .steps = 32},
          {.name = "streams32", .sequences = 32, .depth = 64, .steps = 16},
          {.name = "decode1000", .depth = 1000, .steps = 16}};
}

// The same rows with nothing to attend to: as many tokens in sequences that have no more than one
// block of positions. What `cell` takes longer is the price of its depth.
Cell Shallow(const Cell& cell) {
  const std::size_t tokens = std::min(cell.tokens, model::kernels::kBlockPositions);
  const std::size_t steps = std::min(cell.steps, model::kernels::kBlockPositions / tokens);
  return {.name = cell.name,
          .sequences = cell.rows() / tokens,
          .tokens = tokens,
          .depth = 0,
          .steps = steps};
}

// Runs one cell's steps, again and again from its depth.
class StepRunner {
 public:
  // Logits of `logit_rows` rows, spread evenly over the batch.
  static absl::StatusOr<StepRunner> Create(const Cell& cell, std::size_t logit_rows,
                                           const BenchModel& model);

  // Seconds of one step, on average, of the cell's steps.
  double SecondsPerStep() { return SecondsPerStep(cell_.steps); }

  // Of the first `steps` of them.
  double SecondsPerStep(std::size_t steps);

 private:
  StepRunner(const Cell& cell, model::Gpt2& gpt2, model::KvCache cache)
      : cell_(cell), gpt2_(&gpt2), cache_(std::move(cache)) {}

  void FillCache();
  void Step(std::size_t start);

  Cell cell_;
  model::Gpt2* gpt2_;
  model::KvCache cache_;
  std::vector<model::BlockTable> tables_;  // [sequences]; after cache_, which they must not outlive
  std::vector<TokenId> tokens_;            // [rows]
  std::vector<model::RowRange> logit_rows_;
};

absl::StatusOr<StepRunner> StepRunner::Create(const Cell& cell, std::size_t logit_rows,
                                              const BenchModel& model) {
  const model::ModelConfig& config = model.gpt2.config();
  if (cell.positions() > config.n_ctx) {
    return absl::InvalidArgumentError(absl::StrCat(cell.name, " needs ", cell.positions(),
                                                   " positions; the model has ", config.n_ctx));
  }
  const std::size_t blocks = cell.sequences * model::KvCache::BlocksFor(cell.positions());
  absl::StatusOr<model::KvCache> cache = model::KvCache::Create(config, blocks, model.kv_type);
  if (!cache.ok()) return cache.status();
  StepRunner runner(cell, model.gpt2, *std::move(cache));
  for (std::size_t i = 0; i < cell.sequences; ++i) {
    runner.tables_.push_back(*runner.cache_.TryAllocate(cell.positions()));
  }
  std::minstd_rand random(1);
  std::uniform_int_distribution<TokenId> token(0, static_cast<TokenId>(config.vocab_size - 1));
  for (std::size_t i = 0; i < cell.rows(); ++i) runner.tokens_.push_back(token(random));
  for (std::size_t i = 1; i <= logit_rows; ++i) {
    runner.logit_rows_.push_back({.first = cell.rows() * i / logit_rows - 1, .count = 1});
  }
  runner.FillCache();
  return runner;
}

void StepRunner::FillCache() {
  if (cell_.depth == 0) return;
  const model::ModelConfig& config = gpt2_->config();
  const std::size_t cols = config.head_dim();
  std::vector<float> numbers(2 * cell_.depth * cols);
  std::minstd_rand random(2);
  std::normal_distribution<float> normal;
  for (float& number : numbers) number = normal(random);
  const model::ConstMatF keys(numbers.data(), cell_.depth, cols);
  const model::ConstMatF values(numbers.data() + cell_.depth * cols, cell_.depth, cols);
  for (const model::BlockTable& table : tables_) {
    for (std::size_t layer = 0; layer < config.n_layer; ++layer) {
      for (std::size_t head = 0; head < config.n_head; ++head) {
        cache_.Write(table, {.layer = layer, .head = head}, 0, keys, values);
      }
    }
  }
}

void StepRunner::Step(std::size_t start) {
  model::Batch batch;
  for (std::size_t i = 0; i < cell_.sequences; ++i) {
    const std::span<const TokenId> all(tokens_);
    batch.Add(tables_[i], start, all.subspan(i * cell_.tokens, cell_.tokens));
  }
  gpt2_->Forward(batch, {.logits = logit_rows_}, cache_);
}

double StepRunner::SecondsPerStep(std::size_t steps) {
  const auto begin = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < steps; ++i) Step(cell_.depth + i * cell_.tokens);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  return seconds.count() / static_cast<double>(steps);
}

// What the machine can do now.
struct Limits {
  double read = 0;
  double fma = 0;
};

Limits Probe(const BenchModel& model) {
  return {.read = ReadBandwidth(model.matrices, model.executor), .fma = FmaPeak(model.executor)};
}

struct Sample {
  double seconds = 0;          // of a step
  double shallow_seconds = 0;  // of a step with no depth
  Limits limits;               // the better of before and after
};

std::vector<Sample> TakeSamples(std::size_t count, const BenchModel& model, StepRunner& deep,
                                StepRunner& shallow) {
  std::vector<Sample> samples;
  Limits before = Probe(model);
  for (std::size_t i = 0; i < count; ++i) {
    const double seconds = deep.SecondsPerStep();
    const Limits after = Probe(model);
    samples.push_back({.seconds = seconds,
                       .shallow_seconds = shallow.SecondsPerStep(),
                       .limits = {.read = std::max(before.read, after.read),
                                  .fma = std::max(before.fma, after.fma)}});
    before = after;
  }
  return samples;
}

// The median of what `value` makes of each sample.
double MedianOf(const std::vector<Sample>& samples,
                absl::FunctionRef<double(const Sample&)> value) {
  std::vector<double> values;
  for (const Sample& sample : samples) values.push_back(value(sample));
  return Median(values);
}

}  // namespace

absl::StatusOr<Cell> FindCell(absl::string_view name) {
  std::string known;
  for (Cell& cell : AllCells()) {
    if (cell.name == name) return std::move(cell);
    absl::StrAppend(&known, known.empty() ? "" : ", ", cell.name);
  }
  return absl::InvalidArgumentError(absl::StrCat("--cells=", name, ": must be of ", known));
}

std::size_t BenchModel::WeightBytes() const {
  std::size_t bytes = 0;
  for (const std::span<const std::byte> matrix : matrices) bytes += matrix.size();
  return bytes;
}

double BenchModel::ProductOperations(const Cell& cell) const {
  const model::ModelConfig& config = gpt2.config();
  const std::size_t block = config.n_embd * (4 * config.n_embd + 2 * config.n_inner);
  const std::size_t head = config.n_embd * config.vocab_size;
  return 2.0 * static_cast<double>(cell.rows() * config.n_layer * block + cell.sequences * head);
}

absl::StatusOr<CellResult> MeasureCell(const Cell& cell, std::size_t repetitions,
                                       const BenchModel& model) {
  absl::StatusOr<StepRunner> deep = StepRunner::Create(cell, cell.sequences, model);
  if (!deep.ok()) return deep.status();
  absl::StatusOr<StepRunner> shallow = StepRunner::Create(Shallow(cell), cell.sequences, model);
  if (!shallow.ok()) return shallow.status();
  constexpr std::size_t kWarmSteps = 16;
  (void)deep->SecondsPerStep(std::min(cell.steps, kWarmSteps));
  (void)shallow->SecondsPerStep();
  const std::vector<Sample> samples = TakeSamples(repetitions, model, *deep, *shallow);

  const double bytes = static_cast<double>(model.WeightBytes());
  const double operations = model.ProductOperations(cell);
  CellResult result;
  for (const Sample& sample : samples) {
    result.tokens_per_second.push_back(static_cast<double>(cell.rows()) / sample.seconds);
  }
  result.attention_share = MedianOf(
      samples, [](const Sample& s) { return std::max(0.0, 1 - s.shallow_seconds / s.seconds); });
  result.read_share =
      MedianOf(samples, [&](const Sample& s) { return bytes / s.seconds / s.limits.read; });
  result.peak_share =
      MedianOf(samples, [&](const Sample& s) { return operations / s.seconds / s.limits.fma; });
  result.read_bandwidth = MedianOf(samples, [](const Sample& s) { return s.limits.read; });
  result.fma_peak = MedianOf(samples, [](const Sample& s) { return s.limits.fma; });
  return result;
}

}  // namespace cascade::bench
