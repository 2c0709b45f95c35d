#include "model/kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "gtest/gtest.h"
#include "model/kernels/activations.h"
#include "model/kernels/aligned_buffer.h"
#include "tests/model/kernels/every_simd_target.h"

namespace cascade::model::kernels {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

// One head of a sequence of `positions` positions whose blocks lie in memory last to first. What
// lies beyond the last position is NaN.
class Head {
 public:
  Head(std::size_t positions, std::size_t head_dim)
      : positions_(positions),
        head_dim_(head_dim),
        blocks_((positions + kBlockPositions - 1) / kBlockPositions),
        keys_(blocks_ * BlockFloats()),
        values_(blocks_ * BlockFloats()) {
    for (std::size_t b = 0; b < blocks_; ++b) {
      ids_.push_back(static_cast<std::uint32_t>(blocks_ - 1 - b));
    }
    std::ranges::fill(keys_.span(), kNaN);
    std::ranges::fill(values_.span(), kNaN);
    Numbers numbers(positions + head_dim);
    for (std::size_t p = 0; p < positions; ++p) {
      for (std::size_t d = 0; d < head_dim; ++d) {
        Key(p, d) = numbers.Next();
        Value(p, d) = numbers.Next();
      }
    }
  }

  float& Key(std::size_t p, std::size_t d) {
    return keys_.data()[BlockOf(p) + d * kBlockPositions + p % kBlockPositions];
  }
  float& Value(std::size_t p, std::size_t d) {
    return values_.data()[BlockOf(p) + p % kBlockPositions * head_dim_ + d];
  }

  HeadBlocks Keys() const { return {.base = keys_.data(), .ids = ids_, .stride = BlockFloats()}; }
  HeadBlocks Values() const {
    return {.base = values_.data(), .ids = ids_, .stride = BlockFloats()};
  }
  std::size_t positions() const { return positions_; }
  std::size_t head_dim() const { return head_dim_; }

 private:
  std::size_t BlockFloats() const { return head_dim_ * kBlockPositions; }
  std::size_t BlockOf(std::size_t p) const { return ids_[p / kBlockPositions] * BlockFloats(); }

  std::size_t positions_;
  std::size_t head_dim_;
  std::size_t blocks_;
  AlignedBuffer<float> keys_;
  AlignedBuffer<float> values_;
  std::vector<std::uint32_t> ids_;
};

// Scores with room for the last block, rows aligned, full of NaN.
class Scores {
 public:
  Scores(std::size_t rows, std::size_t positions)
      : stride_((positions + 15) / 16 * 16),
        data_(rows * stride_),
        view_(data_.data(), rows, stride_) {
    std::ranges::fill(data_.span(), kNaN);
  }
  MatF view() { return view_; }

 private:
  std::size_t stride_;
  AlignedBuffer<float> data_;
  MatF view_;
};

constexpr float kScale = 0.3f;

// The whole of attention for rows [start, start + q.rows()).
std::vector<float> Attend(Head& head, ConstMatF q, std::size_t start) {
  Scores scores(q.rows(), start + q.rows());
  std::vector<float> sums(q.rows());
  std::vector<float> out(q.rows() * q.cols(), kNaN);
  AttentionScores(q, head.Keys(), start, kScale, scores.view());
  AttentionExp(start, scores.view(), sums);
  AttentionValues(scores.view(), head.Values(), start, sums, MatF(out.data(), q.rows(), q.cols()));
  return out;
}

// The contracts, word for word, for one row at position `position`.
std::vector<float> NaiveAttend(Head& head, std::span<const float> q, std::size_t position) {
  std::vector<float> weights(position + 1);
  for (std::size_t p = 0; p <= position; ++p) {
    float score = 0;
    for (std::size_t d = 0; d < q.size(); ++d) score = std::fma(q[d], head.Key(p, d), score);
    weights[p] = score * kScale;
  }
  const float max = *std::ranges::max_element(weights);
  for (float& w : weights) w -= max;
  Exp(weights);
  float lanes[16] = {};
  for (std::size_t p = 0; p <= position; ++p) lanes[p % 16] += weights[p];
  for (std::size_t half = 8; half > 0; half /= 2) {
    for (std::size_t i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  std::vector<float> out(q.size());
  for (std::size_t d = 0; d < q.size(); ++d) {
    float sum = 0;
    for (std::size_t p = 0; p <= position; ++p) sum = std::fma(weights[p], head.Value(p, d), sum);
    out[d] = sum * (1.0f / lanes[0]);
  }
  return out;
}

class AttentionTest : public EverySimdTarget {};
CASCADE_ON_EVERY_SIMD_TARGET(AttentionTest);

TEST_P(AttentionTest, EqualsTheNaiveChainsForEveryTileAndHeadSize) {
  for (const std::size_t head_dim : {1u, 5u, 16u, 24u, 64u, 128u}) {
    for (const std::size_t start : {0u, 1u, 15u, 16u, 37u, 130u}) {
      for (const std::size_t rows : {1u, 2u, 3u, 7u, 8u, 9u, 20u}) {
        Head head(start + rows, head_dim);
        const std::vector<float> queries = Numbers(rows).Next(rows * head_dim);
        const ConstMatF q(queries.data(), rows, head_dim);
        const std::vector<float> out = Attend(head, q, start);
        for (std::size_t r = 0; r < rows; ++r) {
          ASSERT_TRUE(SameBits(std::span(out).subspan(r * head_dim, head_dim),
                               NaiveAttend(head, q.Row(r), start + r)))
              << "head_dim " << head_dim << ", start " << start << ", row " << r << " of " << rows;
        }
      }
    }
  }
}

TEST_P(AttentionTest, ChunkingDoesNotChangeARow) {
  constexpr std::size_t kRows = 50;
  constexpr std::size_t kHeadDim = 64;
  Head head(kRows, kHeadDim);
  const std::vector<float> queries = Numbers(1).Next(kRows * kHeadDim);
  const ConstMatF q(queries.data(), kRows, kHeadDim);
  const std::vector<float> whole = Attend(head, q, 0);
  for (const std::size_t chunk : {1u, 3u, 8u, 17u}) {
    for (std::size_t r = 0; r < kRows; r += chunk) {
      const std::size_t rows = std::min(chunk, kRows - r);
      EXPECT_TRUE(SameBits(Attend(head, q.Rows(r, rows), r),
                           std::span(whole).subspan(r * kHeadDim, rows * kHeadDim)))
          << "chunks of " << chunk << ", row " << r;
    }
  }
}

TEST_P(AttentionTest, WhatLiesBeyondARowsOwnPositionNeverReachesIt) {
  constexpr std::size_t kRows = 20;
  constexpr std::size_t kStart = 30;
  constexpr std::size_t kHeadDim = 24;
  Head head(kStart + kRows, kHeadDim);
  const std::vector<float> queries = Numbers(2).Next(kRows * kHeadDim);
  const ConstMatF q(queries.data(), kRows, kHeadDim);
  const std::vector<float> clean = Attend(head, q, kStart);
  for (std::size_t poisoned = 1; poisoned < kRows; ++poisoned) {
    Head other(kStart + kRows, kHeadDim);
    for (std::size_t d = 0; d < kHeadDim; ++d) {
      other.Key(kStart + poisoned, d) = kNaN;
      other.Value(kStart + poisoned, d) = kNaN;
    }
    const std::vector<float> out = Attend(other, q, kStart);
    EXPECT_TRUE(SameBits(std::span(out).first(poisoned * kHeadDim),
                         std::span(clean).first(poisoned * kHeadDim)))
        << "position " << kStart + poisoned;
    for (std::size_t i = poisoned * kHeadDim; i < out.size(); ++i) ASSERT_TRUE(std::isnan(out[i]));
  }
}

TEST_P(AttentionTest, TakesQueriesAndLeavesRowsWithGaps) {
  constexpr std::size_t kRows = 5;
  constexpr std::size_t kHeadDim = 20;
  constexpr std::size_t kStride = 33;
  Head head(kRows, kHeadDim);
  const std::vector<float> queries = Numbers(3).Next(kRows * kHeadDim);
  const ConstMatF dense(queries.data(), kRows, kHeadDim);
  std::vector<float> spaced(kRows * kStride, kNaN);
  const MatF q(spaced.data(), kRows, kHeadDim, kStride);
  for (std::size_t r = 0; r < kRows; ++r) std::ranges::copy(dense.Row(r), q.Row(r).begin());
  EXPECT_TRUE(SameBits(Attend(head, q, 0), Attend(head, dense, 0)));

  Scores scores(kRows, kRows);
  std::vector<float> sums(kRows);
  std::vector<float> out(kRows * kStride, 77.0f);
  AttentionScores(dense, head.Keys(), 0, kScale, scores.view());
  AttentionExp(0, scores.view(), sums);
  AttentionValues(scores.view(), head.Values(), 0, sums,
                  MatF(out.data(), kRows, kHeadDim, kStride));
  for (std::size_t r = 0; r < kRows; ++r) {
    EXPECT_TRUE(std::isfinite(out[r * kStride + kHeadDim - 1]));
    for (std::size_t c = kHeadDim; c < kStride; ++c) EXPECT_EQ(out[r * kStride + c], 77.0f);
  }
}

TEST_P(AttentionTest, LargeScoresDoNotOverflow) {
  constexpr std::size_t kHeadDim = 8;
  Head head(20, kHeadDim);
  const std::vector<float> queries(kHeadDim, 1e6f);
  const std::vector<float> out = Attend(head, ConstMatF(queries.data(), 1, kHeadDim), 19);
  for (const float v : out) EXPECT_LE(std::abs(v), 1.0f);  // an average of values in [-1, 1)
}

}  // namespace
}  // namespace cascade::model::kernels
