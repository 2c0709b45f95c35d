// SPDX-License-Identifier: Apache-2.0
// What constraints cost, with GPT-2's vocabulary, in processor time of one thread: to make them, to
// find and apply a set of tokens, and beside a step of gpt2-medium. README.md says how to read it.
//
//   constraint_bench --tokenizer=FOLDER [--hostile] [--weights=f32,bf16,...] [--repetitions=R]
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <limits>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "benchmark/benchmark.h"
#include "model/cache/kv_cache.h"
#include "model/constraints/constrained_tokens.h"
#include "model/constraints/constraint.h"
#include "model/constraints/constraint_spec.h"
#include "model/generation/vocabulary_trie.h"
#include "model/gpt2.h"
#include "model/kernels/element_types.h"
#include "model/layers/batch.h"
#include "model/tokenizer/tokenizer.h"
#include "server/engine/thread_pool.h"
#include "tests/bench/allocations.h"
#include "tests/bench/constraint_examples.h"
#include "tests/bench/median.h"
#include "tests/bench/model_source.h"
#include "tests/model/constraints/hostile/hostile_inputs.h"

ABSL_FLAG(std::string, tokenizer, "", "A Hugging Face folder with GPT-2's tokenizer.");
ABSL_FLAG(bool, hostile, false, "Only make the tests' hostile constraints, and list the worst.");
ABSL_FLAG(std::vector<std::string>, weights, std::vector<std::string>({"f32", "int8"}),
          "Types of weights of the gpt2-medium to compare with; empty: none.");
ABSL_FLAG(std::uint32_t, repetitions, 15, "Samples, of which the median counts.");

namespace cascade::bench {
namespace {

using model::Constraint;
using model::ConstraintCursor;
using model::ConstraintSpec;
using model::Grammar;
using model::TokenId;
using model::TokenMask;
using model::TokenTrie;
using Kind = ConstraintSpec::Kind;

constexpr std::size_t kStreams = 8;
constexpr std::size_t kMegabyte = std::size_t{1} << 20;

// This process's own: what others take from it does not count.
double Microseconds() {
  timespec time = {};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) * 1e-3;
}

double TimeOf(absl::FunctionRef<void()> body) {
  const double begin = Microseconds();
  body();
  return Microseconds() - begin;
}

double MedianTimeOf(absl::FunctionRef<void()> body) {
  std::vector<double> samples;
  for (std::uint32_t i = 0; i < absl::GetFlag(FLAGS_repetitions); ++i) {
    samples.push_back(TimeOf(body));
  }
  return Median(samples);
}

absl::StatusOr<std::shared_ptr<Constraint>> Make(const ConstraintSpec& spec,
                                                 const TokenTrie& trie) {
  const absl::StatusOr<Grammar> grammar = GrammarOf(spec);
  if (!grammar.ok()) return grammar.status();
  return Constraint::Make(*grammar, trie);
}

// ---- Hostile ones.

absl::Status MeasureHostile(const TokenTrie& trie) {
  struct Row {
    double ms = 0;
    std::size_t bytes = 0;
    std::string name;
  };
  std::vector<Row> rows;
  std::size_t accepted = 0;
  for (const testing::HostileInput& input : testing::HostileInputs()) {
    const std::size_t before = AllocatedBytes();
    double best = std::numeric_limits<double>::max();
    BeginPeak();
    for (int i = 0; i < 3; ++i) {
      best = std::min(best, TimeOf([&] {
                        const auto made = Make(input.spec, trie);
                        if (i == 0 && made.ok()) ++accepted;
                      }));
    }
    rows.push_back({best / 1e3, PeakBytes() - before, input.name});
  }
  std::printf("%zu hostile constraints, %zu accepted; the worst:\n", rows.size(), accepted);
  const auto print = [&rows](absl::FunctionRef<bool(const Row&, const Row&)> worse) {
    std::sort(rows.begin(), rows.end(), worse);
    for (std::size_t i = 0; i < 8; ++i) {
      std::printf("%8.1f ms %6.1f MB  %s\n", rows[i].ms,
                  static_cast<double>(rows[i].bytes) / kMegabyte, rows[i].name.c_str());
    }
  };
  print([](const Row& a, const Row& b) { return a.ms > b.ms; });
  print([](const Row& a, const Row& b) { return a.bytes > b.bytes; });
  return absl::OkStatus();
}

// ---- What is usual.

absl::Status MeasureExample(const std::string& name, const ConstraintSpec& spec,
                            const TokenTrie& trie) {
  const absl::StatusOr<std::shared_ptr<Constraint>> once = Make(spec, trie);
  if (!once.ok()) return absl::InternalError(absl::StrCat(name, ": ", once.status().message()));
  const double make = MedianTimeOf([&] { benchmark::DoNotOptimize(Make(spec, trie)); });
  // The walk's sets of tokens, each found for the first time and then looked up.
  double first = 0;
  double again = 0;
  std::size_t sets = 0;
  std::mt19937 random(3);
  ConstraintCursor cursor(*once);
  std::vector<float> logits(trie.vocab_size());
  for (; sets < 50 && !cursor.MustEnd(); ++sets) {
    first += TimeOf([&] { benchmark::DoNotOptimize(cursor.Allowed()); });
    const absl::StatusOr<const TokenMask*> allowed = cursor.Allowed();
    if (!allowed.ok()) return allowed.status();
    again += TimeOf([&] { benchmark::DoNotOptimize(cursor.Allowed()); });
    std::fill(logits.begin(), logits.end(), 0.0F);
    (*allowed)->Apply(logits, {});
    cursor.Append(AnyAllowed(logits, random));
  }
  const auto count = static_cast<double>(std::max<std::size_t>(sets, 1));
  std::printf("%-34s %10.0f %12.1f %12.2f\n", name.c_str(), make, first / count, again / count);
  return absl::OkStatus();
}

absl::Status MeasureMaking(const TokenTrie& trie) {
  std::printf("%-34s %10s %12s %12s\n", "constraint", "make, us", "tokens, us", "again, us");
  for (const auto& [name, spec] : ConstraintExamples()) {
    if (absl::Status status = MeasureExample(name, spec, trie); !status.ok()) return status;
  }
  return absl::OkStatus();
}

void MeasureApplying(const TokenTrie& trie) {
  const std::size_t vocab = trie.vocab_size();
  std::vector<float> logits(vocab, 1.0F);
  std::vector<float> others(vocab, 1.0F);
  // What reading and writing each logit once takes.
  const double pass = MedianTimeOf([&] {
    for (float& logit : logits) logit *= 1.0001F;
    benchmark::DoNotOptimize(logits.data());
  });
  std::printf("\na pass over the logits: %.1f us\n", pass);
  for (const std::size_t allowed :
       {std::size_t{1}, std::size_t{100}, vocab / 20, vocab / 2, vocab}) {
    std::mt19937 random(5);
    std::vector<TokenId> tokens;
    for (std::size_t id = 0; id < vocab; ++id) {
      if (random() % vocab < allowed) tokens.push_back(static_cast<TokenId>(id));
    }
    const TokenMask mask(tokens, vocab);
    const double apply = MedianTimeOf([&] {
      mask.Apply(others, {});
      benchmark::DoNotOptimize(others.data());
    });
    std::printf("a mask of %5zu tokens: %.1f us, %.2f of a pass\n", mask.size(), apply,
                apply / pass);
  }
}

// ---- Answers without a model, and beside one.

// Random answers to a constraint, one after the other.
class Stream {
 public:
  Stream(std::shared_ptr<Constraint> constraint, std::uint32_t seed)
      : constraint_(std::move(constraint)), random_(seed), logits_(vocab_size(), 0.0F) {
    Begin();
  }

  // Microseconds that the constraint takes of one token.
  double Step() {
    std::fill(logits_.begin(), logits_.end(), 0.0F);
    double time = TimeOf([&] { tokens_->Process(logits_); });
    const TokenId token = AnyAllowed(logits_, random_);
    time += TimeOf([&] { tokens_->Accept(token); });
    if (cursor_->MustEnd()) Begin();
    return time;
  }

 private:
  std::size_t vocab_size() { return ConstraintCursor(constraint_).vocab_size(); }

  void Begin() {
    tokens_.reset();
    cursor_.emplace(constraint_);
    tokens_.emplace(*cursor_, std::vector<TokenId>());
  }

  std::shared_ptr<Constraint> constraint_;
  std::mt19937 random_;
  std::vector<float> logits_;
  std::optional<ConstraintCursor> cursor_;
  std::optional<model::ConstrainedTokens> tokens_;
};

// The streams of a batch: half of them have the first constraint and share it, half the second.
absl::StatusOr<std::vector<std::unique_ptr<Stream>>> MakeStreams(const TokenTrie& trie) {
  const absl::StatusOr<std::shared_ptr<Constraint>> json = Make(AnyJson(), trie);
  if (!json.ok()) return json.status();
  const absl::StatusOr<std::shared_ptr<Constraint>> schema = Make(PersonSchema(), trie);
  if (!schema.ok()) return schema.status();
  std::vector<std::unique_ptr<Stream>> streams;
  for (std::uint32_t i = 0; i < kStreams; ++i) {
    streams.push_back(std::make_unique<Stream>(i % 2 == 0 ? *json : *schema, i));
  }
  return streams;
}

absl::Status MeasureWalks(const TokenTrie& trie) {
  constexpr std::size_t kTokens = 4000;
  for (const auto& [name, spec] : {std::pair{"any JSON object", AnyJson()},
                                   std::pair{"a schema of ten properties", PersonSchema()}}) {
    const absl::StatusOr<std::shared_ptr<Constraint>> constraint = Make(spec, trie);
    if (!constraint.ok()) return constraint.status();
    Stream stream(*constraint, 1);
    double time = 0;
    double most = 0;
    for (std::size_t i = 0; i < kTokens; ++i) {
      const double step = stream.Step();
      time += step;
      most = std::max(most, step);
    }
    std::printf("%zu random tokens of %s: %.1f us each, %.0f at most\n", kTokens, name,
                time / kTokens, most);
  }
  return absl::OkStatus();
}

// A step of gpt2-medium with random weights for kStreams streams of depth 64, on one thread; and
// what the constraints of these streams take of it, in the same turns.
absl::Status CompareWithModel(model::kernels::WeightType weights, const TokenTrie& trie) {
  server::ThreadPool executor(1);
  absl::StatusOr<SourcedModel> source = SourceModel("gpt2-medium", weights, executor);
  if (!source.ok()) return source.status();
  constexpr std::size_t kDepth = 64;
  constexpr std::size_t kWarm = 20;  // steps that do not count
  const std::size_t steps = kWarm + 3UL * absl::GetFlag(FLAGS_repetitions);
  const model::ModelConfig config = source->config;
  model::Gpt2 gpt2(config, std::move(source->weights), kStreams, executor);
  absl::StatusOr<model::KvCache> cache = model::KvCache::Create(
      config, kStreams * model::KvCache::BlocksFor(kDepth + steps), model::kernels::KvType::kF32);
  if (!cache.ok()) return cache.status();
  auto streams = MakeStreams(trie);
  if (!streams.ok()) return streams.status();
  std::vector<model::BlockTable> tables;
  for (std::size_t i = 0; i < kStreams; ++i) tables.push_back(*cache->TryAllocate(kDepth + steps));
  const model::RowRange rows = {.first = 0, .count = kStreams};
  const std::vector<TokenId> token = {1000};

  std::vector<double> model_times;
  std::vector<double> mask_times;
  for (std::size_t step = 0; step < steps; ++step) {
    const double model_time = TimeOf([&] {
      model::Batch batch;
      for (const model::BlockTable& table : tables) batch.Add(table, kDepth + step, token);
      gpt2.Forward(batch, {.logits = {&rows, 1}}, *cache);
    });
    double mask_time = 0;
    for (const auto& stream : *streams) mask_time += stream->Step();
    if (step < kWarm) continue;
    model_times.push_back(model_time);
    mask_times.push_back(mask_time);
  }
  double mean = 0;  // masks differ: their mean is what a long answer pays
  for (const double time : mask_times) mean += time / static_cast<double>(mask_times.size());
  const double step = Median(model_times);
  std::printf("gpt2-medium, %s, %zu streams: %.1f ms a step; constraints %.0f us, %.2f %%\n",
              std::string(model::kernels::Name(weights)).c_str(), kStreams, step / 1e3, mean,
              100 * mean / step);
  return absl::OkStatus();
}

absl::Status Run() {
  const absl::StatusOr<model::Tokenizer> tokenizer =
      model::Tokenizer::Load(absl::GetFlag(FLAGS_tokenizer));
  if (!tokenizer.ok()) return tokenizer.status();
  const TokenTrie trie = model::MakeTokenTrie(*tokenizer, tokenizer->vocab_size());
  if (absl::GetFlag(FLAGS_hostile)) return MeasureHostile(trie);
  if (absl::Status status = MeasureMaking(trie); !status.ok()) return status;
  MeasureApplying(trie);
  if (absl::Status status = MeasureWalks(trie); !status.ok()) return status;
  for (const std::string& name : absl::GetFlag(FLAGS_weights)) {
    for (const model::kernels::WeightType type : model::kernels::kWeightTypes) {
      if (name != model::kernels::Name(type)) continue;
      if (absl::Status status = CompareWithModel(type, trie); !status.ok()) return status;
    }
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace cascade::bench

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage("what constraints cost, in processor time of one thread");
  absl::ParseCommandLine(argc, argv);
  const absl::Status status = cascade::bench::Run();
  if (status.ok()) return 0;
  std::fprintf(stderr, "constraint_bench: %s\n", std::string(status.message()).c_str());
  return 1;
}
