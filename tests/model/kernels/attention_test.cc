// SPDX-License-Identifier: Apache-2.0

#include "model/kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "gtest/gtest.h"
#include "model/kernels/activations.h"
#include "model/kernels/aligned_buffer.h"
#include "model/kernels/element_types.h"
#include "model/kernels/kv_block.h"
#include "tests/model/kernels/every_simd_target.h"

namespace cascade::model::kernels {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

// One head of a sequence of `positions` positions whose blocks lie in memory last to first. What
// lies beyond the last position is NaN.
class Head {
 public:
  Head(std::size_t positions, std::size_t head_dim, KvType type = KvType::kF32)
      : head_dim_(head_dim),
        type_(type),
        blocks_((positions + kBlockPositions - 1) / kBlockPositions),
        key_rows_(positions),
        value_rows_(positions),
        keys_(blocks_ * KeyBytes(type, head_dim)),
        values_(blocks_ * ValueBytes(type, head_dim)) {
    for (std::size_t b = 0; b < blocks_; ++b) {
      ids_.push_back(static_cast<std::uint32_t>(blocks_ - 1 - b));
    }
    std::ranges::fill(keys_.span(), std::byte{0xff});  // a NaN in every type
    std::ranges::fill(values_.span(), std::byte{0xff});
    Numbers numbers(positions + head_dim);
    for (std::size_t p = 0; p < positions; ++p) {
      Write(p, numbers.Next(head_dim), numbers.Next(head_dim));
    }
  }

  void Write(std::size_t p, std::span<const float> key, std::span<const float> value) {
    key_rows_[p].assign(key.begin(), key.end());
    value_rows_[p].assign(value.begin(), value.end());
    const std::size_t block = ids_[p / kBlockPositions];
    const std::size_t slot = p % kBlockPositions;
    WriteKeys(type_, ConstMatF(key.data(), 1, head_dim_), slot,
              keys_.data() + block * KeyBytes(type_, head_dim_));
    WriteValues(type_, ConstMatF(value.data(), 1, head_dim_), slot,
                values_.data() + block * ValueBytes(type_, head_dim_));
  }

  // As they are after rounding.
  std::vector<float> Key(std::size_t p) const {
    std::vector<float> key(head_dim_);
    ReadKey(type_, Keys().Block(p / kBlockPositions), p % kBlockPositions, key);
    return key;
  }
  std::vector<float> Value(std::size_t p) const {
    std::vector<float> value(head_dim_);
    ReadValue(type_, Values().Block(p / kBlockPositions), p % kBlockPositions, value);
    return value;
  }

  // As they were written.
  std::span<const float> KeyRow(std::size_t p) const { return key_rows_[p]; }
  std::span<const float> ValueRow(std::size_t p) const { return value_rows_[p]; }
  KvType type() const { return type_; }

  HeadBlocks Keys() const { return Blocks(keys_, KeyBytes(type_, head_dim_)); }
  HeadBlocks Values() const { return Blocks(values_, ValueBytes(type_, head_dim_)); }

 private:
  HeadBlocks Blocks(const AlignedBuffer<std::byte>& bytes, std::size_t stride) const {
    return {.type = type_, .base = bytes.data(), .ids = ids_, .stride = stride};
  }

  std::size_t head_dim_;
  KvType type_;
  std::size_t blocks_;
  std::vector<std::vector<float>> key_rows_;
  std::vector<std::vector<float>> value_rows_;
  AlignedBuffer<std::byte> keys_;
  AlignedBuffer<std::byte> values_;
  std::vector<std::uint32_t> ids_;
};

constexpr float kScale = 0.3f;

// The whole of attention for rows [start, start + q.rows()), tile by tile, to `out`.
void Attend(const Head& head, ConstMatF q, std::size_t start, MatF out) {
  AlignedBuffer<float> memory(ScoreTile::Floats(start + q.rows()));
  for (std::size_t row = 0; row < q.rows(); row += kAttentionRows) {
    const std::size_t rows = std::min(kAttentionRows, q.rows() - row);
    std::ranges::fill(memory.span(), kNaN);
    const ScoreTile tile(memory.data(), rows);
    std::vector<float> sums(rows);
    AttentionScores(q.Rows(row, rows), head.Keys(), start + row, kScale, tile);
    AttentionExp(start + row, tile, sums);
    AttentionValues(tile, head.Values(), start + row, sums, out.Rows(row, rows));
  }
}

std::vector<float> Attend(const Head& head, ConstMatF q, std::size_t start) {
  std::vector<float> out(q.rows() * q.cols(), kNaN);
  Attend(head, q, start, MatF(out.data(), q.rows(), q.cols()));
  return out;
}

// The contracts, word for word, for one row. First those of the float types.
std::vector<float> NaiveScores(const Head& head, std::span<const float> q, std::size_t positions) {
  std::vector<float> scores(positions);
  for (std::size_t p = 0; p < positions; ++p) {
    const std::vector<float> key = head.Key(p);
    float score = 0;
    for (std::size_t d = 0; d < q.size(); ++d) score = std::fma(q[d], key[d], score);
    scores[p] = score * kScale;
  }
  return scores;
}

std::vector<float> NaiveValues(const Head& head, std::span<const float> weights, float sum,
                               std::size_t head_dim) {
  std::vector<float> out(head_dim);
  for (std::size_t p = 0; p < weights.size(); ++p) {
    const std::vector<float> value = head.Value(p);
    for (std::size_t d = 0; d < head_dim; ++d) out[d] = std::fma(weights[p], value[d], out[d]);
  }
  for (float& y : out) y *= 1.0f / sum;
  return out;
}

// Then those of int8.
struct Integers {
  float scale;
  std::vector<std::int64_t> numbers;
};

// `numbers` are finite.
Integers RoundedTo(float limit, std::span<const float> numbers) {
  float largest = 0.0f;
  for (const float x : numbers) largest = std::max(largest, std::abs(x));
  Integers rounded{.scale = largest / limit, .numbers = std::vector<std::int64_t>(numbers.size())};
  if (rounded.scale < std::numeric_limits<float>::min()) {
    rounded.scale = 0.0f;
    return rounded;
  }
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    rounded.numbers[i] = std::lrint(numbers[i] * (limit / largest));
  }
  return rounded;
}

// The sum of a[i] * b[i], 256 products at a time.
template <typename A, typename B>
float SumOfProducts(std::size_t count, A a, B b) {
  float total = 0.0f;
  for (std::size_t i = 0; i < count; i += 256) {
    std::int64_t sum = 0;
    for (std::size_t j = i; j < std::min(count, i + 256); ++j) sum += a(j) * b(j);
    EXPECT_LT(std::abs(sum), std::int64_t{1} << 31);
    total += static_cast<float>(sum);
  }
  return total;
}

std::vector<float> NaiveIntegerScores(const Head& head, std::span<const float> q,
                                      std::size_t positions) {
  std::vector<float> scores(positions);
  const Integers query = RoundedTo(32767.0f, q);
  for (std::size_t p = 0; p < positions; ++p) {
    const Integers key = RoundedTo(127.0f, head.KeyRow(p));
    const float sum = SumOfProducts(
        q.size(), [&](std::size_t d) { return query.numbers[d]; },
        [&](std::size_t d) { return key.numbers[d]; });
    scores[p] = sum * (query.scale * kScale) * key.scale;
  }
  return scores;
}

std::vector<float> NaiveIntegerValues(const Head& head, std::span<const float> weights, float sum,
                                      std::size_t head_dim) {
  std::vector<Integers> values;
  std::vector<float> scaled;
  for (std::size_t p = 0; p < weights.size(); ++p) {
    values.push_back(RoundedTo(127.0f, head.ValueRow(p)));
    scaled.push_back(weights[p] * values[p].scale);
  }
  const Integers rounded = RoundedTo(32767.0f, scaled);
  std::vector<float> out(head_dim);
  for (std::size_t d = 0; d < head_dim; ++d) {
    out[d] = SumOfProducts(
                 weights.size(), [&](std::size_t p) { return rounded.numbers[p]; },
                 [&](std::size_t p) { return values[p].numbers[d]; }) *
             (rounded.scale * (1.0f / sum));
  }
  return out;
}

// The row at position `position`.
std::vector<float> NaiveAttend(const Head& head, std::span<const float> q, std::size_t position) {
  const bool integers = head.type() == KvType::kInt8;
  std::vector<float> weights = (integers ? NaiveIntegerScores : NaiveScores)(head, q, position + 1);
  const float max = *std::ranges::max_element(weights);
  for (float& w : weights) w -= max;
  Exp(weights);
  float lanes[16] = {};
  for (std::size_t p = 0; p <= position; ++p) lanes[p % 16] += weights[p];
  for (std::size_t half = 8; half > 0; half /= 2) {
    for (std::size_t i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  return (integers ? NaiveIntegerValues : NaiveValues)(head, weights, lanes[0], q.size());
}

// Head sizes that fill vectors and that do not, odd ones, and one too wide to share a pass.
constexpr std::size_t kHeadSizes[] = {1, 5, 16, 24, 64, 80, 128, 300};

void ExpectNaiveChains(KvType type, std::size_t head_dim, std::size_t start, std::size_t rows) {
  const Head head(start + rows, head_dim, type);
  const std::vector<float> queries = Numbers(rows).Next(rows * head_dim);
  const ConstMatF q(queries.data(), rows, head_dim);
  const std::vector<float> out = Attend(head, q, start);
  for (std::size_t r = 0; r < rows; ++r) {
    ASSERT_TRUE(SameBitsOrNaN(std::span(out).subspan(r * head_dim, head_dim),
                              NaiveAttend(head, q.Row(r), start + r)))
        << Name(type) << ", head_dim " << head_dim << ", start " << start << ", row " << r << " of "
        << rows;
  }
}

class AttentionTest : public EverySimdTarget {};
CASCADE_ON_EVERY_SIMD_TARGET(AttentionTest);

TEST_P(AttentionTest, EqualsTheNaiveChainsForEveryTypeTileAndHeadSize) {
  for (const KvType type : kKvTypes) {
    for (const std::size_t head_dim : kHeadSizes) {
      for (const std::size_t start : {0u, 1u, 15u, 16u, 37u, 130u}) {
        for (const std::size_t rows : {1u, 2u, 3u, 7u, 12u, 13u, 23u}) {
          ASSERT_NO_FATAL_FAILURE(ExpectNaiveChains(type, head_dim, start, rows));
        }
      }
    }
  }
}

TEST_P(AttentionTest, SumsOfMoreIntegersThan32BitsHoldAreAddedAsFloats) {
  for (const std::size_t head_dim : {16u, 600u}) {
    for (const std::size_t rows : {1u, 12u}) {
      ASSERT_NO_FATAL_FAILURE(ExpectNaiveChains(KvType::kInt8, head_dim, 530, rows));
    }
  }
}

TEST_P(AttentionTest, AQueryThatCannotBeRoundedMakesItsRowNaN) {
  constexpr std::size_t kHeadDim = 24;
  const Head head(5, kHeadDim, KvType::kInt8);
  const std::vector<float> clean = Numbers(4).Next(3 * kHeadDim);
  const std::vector<float> expected = Attend(head, ConstMatF(clean.data(), 3, kHeadDim), 2);
  for (const float bad : {kNaN, std::numeric_limits<float>::infinity()}) {
    std::vector<float> queries = clean;
    queries[kHeadDim + 7] = bad;
    const std::vector<float> out = Attend(head, ConstMatF(queries.data(), 3, kHeadDim), 2);
    for (std::size_t i = 0; i < out.size(); ++i) {
      if (i / kHeadDim == 1) {
        EXPECT_TRUE(std::isnan(out[i])) << bad;
      } else {
        EXPECT_EQ(out[i], expected[i]) << bad;
      }
    }
  }
}

TEST_P(AttentionTest, ChunkingDoesNotChangeARow) {
  constexpr std::size_t kRows = 50;
  constexpr std::size_t kHeadDim = 64;
  const std::vector<float> queries = Numbers(1).Next(kRows * kHeadDim);
  const ConstMatF q(queries.data(), kRows, kHeadDim);
  for (const KvType type : kKvTypes) {
    const Head head(kRows, kHeadDim, type);
    const std::vector<float> whole = Attend(head, q, 0);
    for (const std::size_t chunk : {1u, 3u, 8u, 17u}) {
      for (std::size_t r = 0; r < kRows; r += chunk) {
        const std::size_t rows = std::min(chunk, kRows - r);
        EXPECT_TRUE(SameBitsOrNaN(Attend(head, q.Rows(r, rows), r),
                                  std::span(whole).subspan(r * kHeadDim, rows * kHeadDim)))
            << Name(type) << ", chunks of " << chunk << ", row " << r;
      }
    }
  }
}

void ExpectPoisonStaysAhead(KvType type) {
  constexpr std::size_t kRows = 20;
  constexpr std::size_t kStart = 30;
  constexpr std::size_t kHeadDim = 24;
  const std::vector<float> queries = Numbers(2).Next(kRows * kHeadDim);
  const ConstMatF q(queries.data(), kRows, kHeadDim);
  const std::vector<float> clean = Attend(Head(kStart + kRows, kHeadDim, type), q, kStart);
  const std::vector<float> poison(kHeadDim, kNaN);
  for (std::size_t poisoned = 1; poisoned < kRows; ++poisoned) {
    Head other(kStart + kRows, kHeadDim, type);
    other.Write(kStart + poisoned, poison, poison);
    const std::vector<float> out = Attend(other, q, kStart);
    EXPECT_TRUE(SameBitsOrNaN(std::span(out).first(poisoned * kHeadDim),
                              std::span(clean).first(poisoned * kHeadDim)))
        << Name(type) << ", position " << kStart + poisoned;
    for (std::size_t i = poisoned * kHeadDim; i < out.size(); ++i) ASSERT_TRUE(std::isnan(out[i]));
  }
}

TEST_P(AttentionTest, WhatLiesBeyondARowsOwnPositionNeverReachesIt) {
  for (const KvType type : kKvTypes) ExpectPoisonStaysAhead(type);
}

TEST_P(AttentionTest, TakesQueriesAndLeavesRowsWithGaps) {
  constexpr std::size_t kRows = 5;
  constexpr std::size_t kHeadDim = 20;
  constexpr std::size_t kStride = 33;
  const Head head(kRows, kHeadDim);
  const std::vector<float> queries = Numbers(3).Next(kRows * kHeadDim);
  const ConstMatF dense(queries.data(), kRows, kHeadDim);
  std::vector<float> spaced(kRows * kStride, kNaN);
  const MatF q(spaced.data(), kRows, kHeadDim, kStride);
  for (std::size_t r = 0; r < kRows; ++r) std::ranges::copy(dense.Row(r), q.Row(r).begin());
  const std::vector<float> expected = Attend(head, dense, 0);
  EXPECT_TRUE(SameBitsOrNaN(Attend(head, q, 0), expected));

  std::vector<float> out(kRows * kStride, 77.0f);
  const MatF rows(out.data(), kRows, kHeadDim, kStride);
  Attend(head, dense, 0, rows);
  for (std::size_t r = 0; r < kRows; ++r) {
    EXPECT_TRUE(SameBitsOrNaN(rows.Row(r), std::span(expected).subspan(r * kHeadDim, kHeadDim)));
    for (std::size_t c = kHeadDim; c < kStride; ++c) EXPECT_EQ(out[r * kStride + c], 77.0f);
  }
}

// One row over `positions` positions whose keys are one float each: the scores are ours to choose.
std::vector<float> AttendToScores(const std::vector<float>& scores) {
  Head head(scores.size(), 1);
  for (std::size_t p = 0; p < scores.size(); ++p) {
    head.Write(p, {&scores[p], 1}, head.Value(p));
  }
  const float query = 1.0f / kScale;
  return Attend(head, ConstMatF(&query, 1, 1), scores.size() - 1);
}

TEST_P(AttentionTest, AScoreThatIsNoNumberOrInfiniteMakesItsRowNaN) {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  for (const std::size_t place : {0u, 7u, 16u, 19u}) {
    for (const float bad : {kNaN, kInf}) {
      std::vector<float> scores(20, 0.5f);
      scores[place] = bad;
      EXPECT_TRUE(std::isnan(AttendToScores(scores)[0])) << bad << " at " << place;
      scores[place] = -kInf;  // a weight of zero, and no more
      EXPECT_TRUE(std::isfinite(AttendToScores(scores)[0])) << "at " << place;
    }
  }
  EXPECT_TRUE(std::isnan(AttendToScores(std::vector<float>(20, -kInf))[0]));
}

TEST_P(AttentionTest, LargeScoresDoNotOverflow) {
  constexpr std::size_t kHeadDim = 8;
  const Head head(20, kHeadDim);
  const std::vector<float> queries(kHeadDim, 1e6f);
  const std::vector<float> out = Attend(head, ConstMatF(queries.data(), 1, kHeadDim), 19);
  for (const float v : out) EXPECT_LE(std::abs(v), 1.0f);  // an average of values in [-1, 1)
}

}  // namespace
}  // namespace cascade::model::kernels
