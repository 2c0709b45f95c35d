// SPDX-License-Identifier: Apache-2.0
// 1,000 random cases of every processor, and of all of them with the sampler behind them, beside
// what Hugging Face makes of them (tests/golden/processors).

#include "model/generation/logit_processors.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "model/checkpoints/npy.h"
#include "model/json_document.h"
#include "model/sampling/sampler.h"
#include "tests/model/generation/tiny_tokenizer.h"
#include "tests/support/source_path.h"
#include "tests/support/status_matchers.h"
#include "tests/support/value_or_die.h"

namespace cascade::model {
namespace {

using ::cascade::testing::IsOk;
using ::cascade::testing::ValueOrDie;

constexpr std::size_t kVocab = 24;
constexpr std::size_t kSequences = 3;
constexpr std::size_t kSequenceLength = 3;
constexpr float kExcluded = -std::numeric_limits<float>::infinity();
constexpr float kTolerance = 1e-6F;

// The columns of floats.npy, integers.npy and expected_excluded.npy: as in make_processors.py.
enum Float : std::uint8_t {
  kRepetition,
  kPresence,
  kFrequency,
  kDryMultiplier,
  kDryBase,
  kLengthFactor,
  kTemperature,
  kTopP,
  kMinP,
  kTypicalP,
  kSigma,
  kFloats
};
enum Integer : std::uint8_t {
  kPrompt,
  kWindow,
  kNgram,
  kDryAllowed,
  kMinNew,
  kLengthStart,
  kTopK,
  kDryBreakers,
  kEos,
  kAllowed,
  kBanned,
  kIntegers
};
enum Mask : std::uint8_t {
  kNgramMask,
  kSequencesMask,
  kMinNewMask,
  kAllowedMask,
  kBannedMask,
  kTypicalMask,
  kSigmaMask,
  kMasks
};

// The rows of one file, [cases, ...].
template <typename T>
class Rows {
 public:
  explicit Rows(absl::string_view name) {
    const std::string path =
        cascade::testing::SourcePath(absl::StrCat("tests/golden/processors/", name, ".npy"));
    const std::string file = ValueOrDie(ReadTextFile(path, std::size_t{1} << 20));
    const NpyArray array = ValueOrDie(ParseNpy(file, path));
    values_.resize(array.elements.size() / sizeof(T));
    std::memcpy(values_.data(), array.elements.data(), array.elements.size());
    size_ = array.shape.front();
  }

  std::size_t size() const { return size_; }
  std::span<const T> operator[](std::size_t row) const {
    const std::size_t columns = values_.size() / size_;
    return std::span(values_).subspan(row * columns, columns);
  }

 private:
  std::vector<T> values_;
  std::size_t size_ = 0;
};

// The tokens of a list that is filled up with -1.
std::vector<TokenId> Tokens(std::span<const std::int32_t> padded) {
  std::vector<TokenId> tokens;
  for (const std::int32_t token : padded) {
    if (token >= 0) tokens.push_back(static_cast<TokenId>(token));
  }
  return tokens;
}

// The tokens of a set of bits.
std::vector<TokenId> Tokens(std::int32_t bits) {
  std::vector<TokenId> tokens;
  for (TokenId token = 0; token < kVocab; ++token) {
    if (((bits >> token) & 1) != 0) tokens.push_back(token);
  }
  return tokens;
}

std::vector<TokenId> Excluded(std::span<const float> logits) {
  std::vector<TokenId> tokens;
  for (TokenId token = 0; token < logits.size(); ++token) {
    if (logits[token] == kExcluded) tokens.push_back(token);
  }
  return tokens;
}

class LogitProcessorsTest : public ::testing::Test {
 protected:
  // Sets, in otherwise neutral parameters, what case `i` has of one processor.
  using Set = std::function<void(std::size_t i, GenerationParams& params)>;

  void SetBias(std::size_t i, GenerationParams& params) const {
    for (TokenId token = 0; token < kVocab; ++token) {
      if (bias_[i][token] != 0) params.tokens.bias.push_back({token, bias_[i][token]});
    }
  }
  void SetRepetition(std::size_t i, GenerationParams& params) const {
    params.penalties.window = At(i, kWindow);
    params.penalties.repetition = floats_[i][kRepetition];
  }
  void SetPresenceAndFrequency(std::size_t i, GenerationParams& params) const {
    params.penalties.window = At(i, kWindow);
    params.penalties.presence = floats_[i][kPresence];
    params.penalties.frequency = floats_[i][kFrequency];
  }
  void SetDry(std::size_t i, GenerationParams& params) const {
    DryParams& dry = params.penalties.dry;
    dry.multiplier = floats_[i][kDryMultiplier];
    dry.base = floats_[i][kDryBase];
    dry.allowed_length = At(i, kDryAllowed);
    dry.window = At(i, kWindow);
    dry.breakers.clear();
    for (const TokenId token : Tokens(integers_[i][kDryBreakers])) {
      dry.breakers.emplace_back(1, static_cast<char>(token));  // as in TinyTokenizer
    }
  }
  void SetNgrams(std::size_t i, GenerationParams& params) const {
    params.penalties.no_repeat_ngram_size = At(i, kNgram);
  }
  void SetSequences(std::size_t i, GenerationParams& params) const {
    for (std::size_t s = 0; s < kSequences; ++s) {
      params.tokens.banned_sequences.push_back(
          Tokens(sequences_[i].subspan(s * kSequenceLength, kSequenceLength)));
    }
  }
  void SetMinNewTokens(std::size_t i, GenerationParams& params) const {
    params.stopping.min_new_tokens = At(i, kMinNew);
    params.stopping.eos_token_ids = Tokens(integers_[i][kEos]);
  }
  void SetAllowed(std::size_t i, GenerationParams& params) const {
    params.tokens.allowed = Tokens(integers_[i][kAllowed]);
  }
  void SetLengthPenalty(std::size_t i, GenerationParams& params) const {
    params.stopping.length_penalty = {.start = At(i, kLengthStart),
                                      .factor = floats_[i][kLengthFactor]};
    params.stopping.eos_token_ids = Tokens(integers_[i][kEos]);
  }
  void SetBanned(std::size_t i, GenerationParams& params) const {
    params.tokens.banned = Tokens(integers_[i][kBanned]);
  }
  void SetAll(std::size_t i, GenerationParams& params) const {
    SetBias(i, params);
    SetRepetition(i, params);
    SetPresenceAndFrequency(i, params);
    SetDry(i, params);
    SetNgrams(i, params);
    SetSequences(i, params);
    SetMinNewTokens(i, params);
    SetAllowed(i, params);
    SetLengthPenalty(i, params);
    SetBanned(i, params);
  }

  std::size_t At(std::size_t i, Integer column) const {
    return static_cast<std::size_t>(integers_[i][column]);
  }

  // The logits of case `i` after the processors of `params`.
  std::vector<float> Processed(std::size_t i, const GenerationParams& params) const {
    const std::vector<TokenId> history = Tokens(history_[i]);
    const std::span<const TokenId> all(history);
    LogitProcessorList list = MakeLogitProcessors(params, all.first(At(i, kPrompt)), tokenizer_);
    for (const TokenId token : all.subspan(At(i, kPrompt))) list.Accept(token);
    std::vector<float> logits(logits_[i].begin(), logits_[i].end());
    if (list.active()) list.Process(logits).IgnoreError();  // "no token is left" is a result too
    return logits;
  }

  // The logits after one processor are, to the tolerance, those of the file.
  void ExpectValues(absl::string_view file, const Set& set) const {
    const Rows<float> expected(file);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      GenerationParams params;
      set(i, params);
      const std::vector<float> logits = Processed(i, params);
      for (std::size_t token = 0; token < kVocab; ++token) {
        const float value = expected[i][token];
        if (value == logits[token]) continue;  // infinities, too
        ASSERT_NEAR(logits[token], value, kTolerance * std::max(1.0F, std::abs(value)))
            << "token " << token << " of case " << i;
      }
    }
  }

  // The processor excludes what the column says, and changes nothing else.
  void ExpectExcluded(Mask column, const Set& set) const {
    for (std::size_t i = 0; i < excluded_.size(); ++i) {
      GenerationParams params;
      set(i, params);
      const std::vector<float> logits = Processed(i, params);
      ASSERT_EQ(Excluded(logits), Tokens(excluded_[i][column])) << "case " << i;
      for (std::size_t token = 0; token < kVocab; ++token) {
        if (logits[token] == kExcluded) continue;
        ASSERT_EQ(logits[token], logits_[i][token]);
      }
    }
  }

  // The sampler cuts what the column says.
  void ExpectCut(Mask column, const std::function<void(std::size_t, SamplingParams&)>& set) const {
    for (std::size_t i = 0; i < excluded_.size(); ++i) {
      SamplingParams params;
      set(i, params);
      std::vector<float> probabilities(kVocab);
      Sampler(params).Probabilities(logits_[i], probabilities);
      for (float& p : probabilities) p = p > 0.0F ? 1.0F : kExcluded;
      ASSERT_EQ(Excluded(probabilities), Tokens(excluded_[i][column])) << "case " << i;
    }
  }

  const Rows<float> logits_{"logits"};
  const Rows<float> bias_{"bias"};
  const Rows<float> floats_{"floats"};
  const Rows<std::int32_t> integers_{"integers"};
  const Rows<std::int32_t> history_{"history"};
  const Rows<std::int32_t> sequences_{"sequences"};
  const Rows<std::int32_t> excluded_{"expected_excluded"};
  const Tokenizer tokenizer_ = cascade::testing::TinyTokenizer();
};

TEST_F(LogitProcessorsTest, LogitBiasIsHuggingFaces) {
  ExpectValues("expected_bias", [this](std::size_t i, GenerationParams& p) { SetBias(i, p); });
}

TEST_F(LogitProcessorsTest, RepetitionPenaltyIsHuggingFaces) {
  ExpectValues("expected_repetition",
               [this](std::size_t i, GenerationParams& p) { SetRepetition(i, p); });
}

TEST_F(LogitProcessorsTest, PresenceAndFrequencyPenaltiesAreOpenAIs) {
  ExpectValues("expected_presence_and_frequency",
               [this](std::size_t i, GenerationParams& p) { SetPresenceAndFrequency(i, p); });
}

TEST_F(LogitProcessorsTest, DryIsWhatComparingEveryPlaceGives) {
  ExpectValues("expected_dry", [this](std::size_t i, GenerationParams& p) { SetDry(i, p); });
}

TEST_F(LogitProcessorsTest, NoRepeatedNgramsAreHuggingFaces) {
  ExpectExcluded(kNgramMask, [this](std::size_t i, GenerationParams& p) { SetNgrams(i, p); });
}

TEST_F(LogitProcessorsTest, BannedSequencesAreHuggingFaces) {
  ExpectExcluded(kSequencesMask,
                 [this](std::size_t i, GenerationParams& p) { SetSequences(i, p); });
}

TEST_F(LogitProcessorsTest, MinNewTokensIsHuggingFaces) {
  ExpectExcluded(kMinNewMask,
                 [this](std::size_t i, GenerationParams& p) { SetMinNewTokens(i, p); });
}

TEST_F(LogitProcessorsTest, AllowedTokensAreHuggingFaces) {
  ExpectExcluded(kAllowedMask, [this](std::size_t i, GenerationParams& p) { SetAllowed(i, p); });
}

TEST_F(LogitProcessorsTest, LengthPenaltyIsHuggingFaces) {
  ExpectValues("expected_length_penalty",
               [this](std::size_t i, GenerationParams& p) { SetLengthPenalty(i, p); });
}

TEST_F(LogitProcessorsTest, BannedTokensAreHuggingFaces) {
  ExpectExcluded(kBannedMask, [this](std::size_t i, GenerationParams& p) { SetBanned(i, p); });
}

TEST_F(LogitProcessorsTest, AllTogetherAreHuggingFacesInItsOrder) {
  ExpectValues("expected_chain", [this](std::size_t i, GenerationParams& p) { SetAll(i, p); });
}

TEST_F(LogitProcessorsTest, TheSamplersCutsBehindThemAreHuggingFacesInItsOrder) {
  const Rows<float> expected("expected_chain_probabilities");
  for (std::size_t i = 0; i < expected.size(); ++i) {
    GenerationParams params;
    SetAll(i, params);
    params.sampling = {.top_n_sigma = 0.0F,
                       .temperature = floats_[i][kTemperature],
                       .top_k = static_cast<std::uint32_t>(integers_[i][kTopK]),
                       .top_p = floats_[i][kTopP],
                       .min_p = floats_[i][kMinP],
                       .typical_p = floats_[i][kTypicalP]};
    std::vector<float> values = Processed(i, params);
    Sampler(params.sampling).Probabilities(values, values);
    for (std::size_t token = 0; token < kVocab; ++token) {
      ASSERT_NEAR(values[token], expected[i][token], kTolerance) << token << " of case " << i;
    }
  }
}

TEST_F(LogitProcessorsTest, TypicalPIsHuggingFaces) {
  ExpectCut(kTypicalMask,
            [this](std::size_t i, SamplingParams& p) { p.typical_p = floats_[i][kTypicalP]; });
}

TEST_F(LogitProcessorsTest, TopNSigmaIsWhatTheFormulaGives) {
  ExpectCut(kSigmaMask,
            [this](std::size_t i, SamplingParams& p) { p.top_n_sigma = floats_[i][kSigma]; });
}

TEST_F(LogitProcessorsTest, NeutralParametersMakeNone) {
  EXPECT_FALSE(MakeLogitProcessors({}, {}, tokenizer_).active());
}

TEST_F(LogitProcessorsTest, ADryBreakerIsEveryTokenThatHasItsBytes) {
  GenerationParams params;
  params.penalties.dry = {
      .multiplier = 1.0F, .base = 2.0F, .allowed_length = 1, .window = 0, .breakers = {"bc"}};
  // After "x abcd x" the token "abcd" would follow x again, but has the breaker in it.
  const std::vector<TokenId> prompt = {'x', cascade::testing::kAbcd, 'x'};
  std::vector<float> logits(258, 0.0F);
  ASSERT_THAT(MakeLogitProcessors(params, prompt, tokenizer_).Process(logits), IsOk());
  EXPECT_EQ(logits[cascade::testing::kAbcd], 0.0F);

  params.penalties.dry.breakers = {"bd"};
  ASSERT_THAT(MakeLogitProcessors(params, prompt, tokenizer_).Process(logits), IsOk());
  EXPECT_EQ(logits[cascade::testing::kAbcd], -1.0F);
}

}  // namespace
}  // namespace cascade::model
