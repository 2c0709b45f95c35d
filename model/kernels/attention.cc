#include "model/kernels/attention.h"

#include <algorithm>
#include <array>
#include <cassert>

#include "model/kernels/highway_config.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/kernels/attention.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "model/kernels/activations-inl.h"
#include "model/kernels/reductions-inl.h"

HWY_BEFORE_NAMESPACE();
namespace cascade::model::kernels {
namespace HWY_NAMESPACE {

static_assert(kBlockPositions == kPanelColumns, "a block of positions is a panel of lanes");

// Vectors of chains that the registers hold beside one row of keys or values.
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_NEON
constexpr std::size_t kChains = 16;
#else
constexpr std::size_t kChains = 8;
#endif

// Rows that share each load, at most: the tile that the layers hand us.
constexpr std::size_t kMaxRows = 8;

// How many of at most `most` vectors `rows` rows can take at once: a power of two.
constexpr std::size_t VectorsFor(std::size_t rows, std::size_t most) {
  while (most > 1 && rows * most > kChains) most /= 2;
  return most;
}

// --- Scores
// ---------------------------------------------------------------------------------------

// kRows rows of scores for the blocks [first, first + kBlocks).
template <std::size_t kRows, std::size_t kBlocks>
void ScoreBlocks(ConstMatF q, const HeadBlocks& keys, std::size_t first, float scale, MatF scores) {
  const FloatTag d;
  constexpr std::size_t kVectors = kBlocks * kPanelVectors;
  const float* block[kBlocks];
  const float* next[kBlocks];
  for (std::size_t b = 0; b < kBlocks; ++b) {
    block[b] = keys.Block(first + b);
    next[b] = keys.Block(std::min(first + kBlocks + b, keys.ids.size() - 1));
  }
  FloatVector chains[kRows][kVectors];
  CASCADE_UNROLL
  for (std::size_t r = 0; r < kRows; ++r) {
    CASCADE_UNROLL
    for (std::size_t v = 0; v < kVectors; ++v) chains[r][v] = hn::Zero(d);
  }
  for (std::size_t i = 0; i < q.cols(); ++i) {
    FloatVector key[kVectors];
    CASCADE_UNROLL
    for (std::size_t v = 0; v < kVectors; ++v) {
      const std::size_t lane = i * kBlockPositions + v % kPanelVectors * kLanes;
      if (v % kPanelVectors == 0) hwy::Prefetch(next[v / kPanelVectors] + lane);
      key[v] = hn::Load(d, block[v / kPanelVectors] + lane);
    }
    CASCADE_UNROLL
    for (std::size_t r = 0; r < kRows; ++r) {
      const FloatVector query = hn::Set(d, q.data()[r * q.stride() + i]);
      CASCADE_UNROLL
      for (std::size_t v = 0; v < kVectors; ++v) chains[r][v] = Fma(query, key[v], chains[r][v]);
    }
  }
  const FloatVector factor = hn::Set(d, scale);
  CASCADE_UNROLL
  for (std::size_t r = 0; r < kRows; ++r) {
    float* out = scores.data() + r * scores.stride() + first * kBlockPositions;
    CASCADE_UNROLL
    for (std::size_t v = 0; v < kVectors; ++v) {
      hn::Store(hn::Mul(chains[r][v], factor), d, out + v * kLanes);
    }
  }
}

// kRows rows against all blocks that the last of them, at position `last`, sees.
template <std::size_t kRows>
void ScoreRows(ConstMatF q, const HeadBlocks& keys, std::size_t last, float scale, MatF scores) {
  constexpr std::size_t kBlocks =
      std::max<std::size_t>(1, VectorsFor(kRows, 4 * kPanelVectors) / kPanelVectors);
  const std::size_t blocks = last / kBlockPositions + 1;
  std::size_t b = 0;
  for (; b + kBlocks <= blocks; b += kBlocks) {
    ScoreBlocks<kRows, kBlocks>(q, keys, b, scale, scores);
  }
  for (; b < blocks; ++b) ScoreBlocks<kRows, 1>(q, keys, b, scale, scores);
}

// --- Exponentials
// ---------------------------------------------------------------------------------

// x[i] = exp(x[i] - max x); returns their sum. `x` is aligned and padded to whole blocks.
float ExpRow(std::span<float> x) {
  const FloatTag d;
  const FloatVector max = hn::Set(d, MaxOf(x));
  FloatVector sums[kPanelVectors];
  for (FloatVector& sum : sums) sum = hn::Zero(d);
  std::size_t i = 0;
  for (; i + kPanelColumns <= x.size(); i += kPanelColumns) {
    CASCADE_UNROLL
    for (std::size_t v = 0; v < kPanelVectors; ++v) {
      float* place = x.data() + i + v * kLanes;
      const FloatVector y = ExpOf(hn::Sub(hn::Load(d, place), max));
      hn::Store(y, d, place);
      sums[v] = hn::Add(sums[v], y);
    }
  }
  VirtualLanes<float> lanes;
  for (std::size_t v = 0; v < kPanelVectors; ++v) hn::StoreU(sums[v], d, &lanes[v * kLanes]);
  for (std::size_t j = i; j < x.size(); j += kLanes) {
    float* place = x.data() + j;
    hn::Store(ExpOf(hn::Sub(hn::Load(d, place), max)), d, place);
  }
  for (std::size_t lane = 0; i + lane < x.size(); ++lane) lanes[lane] += x[i + lane];
  return SumOfLanes(lanes);
}

// --- Values
// ---------------------------------------------------------------------------------------

// out[r, c + lane] += weights[r, p] * values[p, c + lane] for the positions p in order, for kRows
// rows and kVectors vectors of Tag from column c on.
template <class Tag, std::size_t kRows, std::size_t kVectors>
void AddColumns(ConstMatF weights, const HeadBlocks& values, IndexRange positions, std::size_t c,
                MatF out) {
  const Tag d;
  constexpr std::size_t kStep = hn::MaxLanes(d);
  hn::Vec<Tag> chains[kRows][kVectors];
  CASCADE_UNROLL
  for (std::size_t r = 0; r < kRows; ++r) {
    CASCADE_UNROLL
    for (std::size_t v = 0; v < kVectors; ++v) {
      chains[r][v] = hn::LoadU(d, out.data() + r * out.stride() + c + v * kStep);
    }
  }
  for (std::size_t p = positions.begin; p < positions.end;) {
    const std::size_t b = p / kBlockPositions;
    const float* value = values.Block(b) + p % kBlockPositions * out.cols() + c;
    const float* next = values.Block(std::min(b + 1, values.ids.size() - 1)) + c;
    const std::size_t end = std::min(positions.end, (b + 1) * kBlockPositions);
    for (; p < end; ++p, value += out.cols(), next += out.cols()) {
      hn::Vec<Tag> row[kVectors];
      CASCADE_UNROLL
      for (std::size_t v = 0; v < kVectors; ++v) {
        hwy::Prefetch(next + v * kStep);
        row[v] = hn::LoadU(d, value + v * kStep);
      }
      CASCADE_UNROLL
      for (std::size_t r = 0; r < kRows; ++r) {
        const auto weight = hn::Set(d, weights.data()[r * weights.stride() + p]);
        CASCADE_UNROLL
        for (std::size_t v = 0; v < kVectors; ++v) chains[r][v] = Fma(weight, row[v], chains[r][v]);
      }
    }
  }
  CASCADE_UNROLL
  for (std::size_t r = 0; r < kRows; ++r) {
    CASCADE_UNROLL
    for (std::size_t v = 0; v < kVectors; ++v) {
      hn::StoreU(chains[r][v], d, out.data() + r * out.stride() + c + v * kStep);
    }
  }
}

// AddColumns for the columns from c on, kVectors vectors at a time as long as there are so many.
template <std::size_t kRows, std::size_t kVectors = VectorsFor(kRows, 8)>
void AddPositions(ConstMatF weights, const HeadBlocks& values, IndexRange positions, MatF out,
                  std::size_t c = 0) {
  for (; c + kVectors * kLanes <= out.cols(); c += kVectors * kLanes) {
    AddColumns<FloatTag, kRows, kVectors>(weights, values, positions, c, out);
  }
  if constexpr (kVectors > 1) {
    AddPositions<kRows, kVectors / 2>(weights, values, positions, out, c);
  } else {
    for (; c < out.cols(); ++c) {
      AddColumns<SingleTag, kRows, 1>(weights, values, positions, c, out);
    }
  }
}

// kRows rows, the first of which is position `first`: together up to there, then each up to its
// own.
template <std::size_t kRows>
void WeighRows(ConstMatF weights, const HeadBlocks& values, std::size_t first,
               std::span<const float> sums, MatF out) {
  for (std::size_t r = 0; r < kRows; ++r) std::ranges::fill(out.Row(r), 0.0f);
  AddPositions<kRows>(weights, values, {0, first + 1}, out);
  for (std::size_t r = 1; r < kRows; ++r) {
    AddPositions<1>(weights.Rows(r, 1), values, {first + 1, first + r + 1}, out.Rows(r, 1));
  }
  for (std::size_t r = 0; r < kRows; ++r) {
    const float scale = 1.0f / sums[r];
    for (float& y : out.Row(r)) y *= scale;
  }
}

// --- All rows, as many at a time as share a pass
// ------------------------------------------------------

template <std::size_t kRows = kMaxRows>
void ScoreAll(ConstMatF q, const HeadBlocks& keys, std::size_t start, float scale, MatF scores) {
  std::size_t r = 0;
  for (; r + kRows <= q.rows(); r += kRows) {
    ScoreRows<kRows>(q.Rows(r, kRows), keys, start + r + kRows - 1, scale, scores.Rows(r, kRows));
  }
  if constexpr (kRows > 1) {
    const std::size_t rest = q.rows() - r;
    ScoreAll<kRows / 2>(q.Rows(r, rest), keys, start + r, scale, scores.Rows(r, rest));
  }
}

template <std::size_t kRows = kMaxRows>
void WeighAll(ConstMatF weights, const HeadBlocks& values, std::size_t start,
              std::span<const float> sums, MatF out) {
  std::size_t r = 0;
  for (; r + kRows <= out.rows(); r += kRows) {
    WeighRows<kRows>(weights.Rows(r, kRows), values, start + r, sums.subspan(r, kRows),
                     out.Rows(r, kRows));
  }
  if constexpr (kRows > 1) {
    const std::size_t rest = out.rows() - r;
    WeighAll<kRows / 2>(weights.Rows(r, rest), values, start + r, sums.subspan(r),
                        out.Rows(r, rest));
  }
}

void ScoreTile(ConstMatF q, const HeadBlocks& keys, std::size_t start, float scale, MatF scores) {
  ScoreAll(q, keys, start, scale, scores);
}

void ExpTile(std::size_t start, MatF scores, std::span<float> sums) {
  for (std::size_t r = 0; r < scores.rows(); ++r) {
    sums[r] = ExpRow(scores.Row(r).first(start + r + 1));
  }
}

void WeighTile(ConstMatF weights, const HeadBlocks& values, std::size_t start,
               std::span<const float> sums, MatF out) {
  WeighAll(weights, values, start, sums, out);
}

}  // namespace HWY_NAMESPACE
}  // namespace cascade::model::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cascade::model::kernels {

HWY_EXPORT(ScoreTile);
HWY_EXPORT(ExpTile);
HWY_EXPORT(WeighTile);

void AttentionScores(ConstMatF q, const HeadBlocks& keys, std::size_t start, float scale,
                     MatF scores) {
  assert(scores.rows() == q.rows() && keys.ids.size() * kBlockPositions >= start + q.rows());
  HWY_DYNAMIC_DISPATCH(ScoreTile)(q, keys, start, scale, scores);
}

void AttentionExp(std::size_t start, MatF scores, std::span<float> sums) {
  assert(sums.size() == scores.rows() && scores.cols() >= start + scores.rows());
  HWY_DYNAMIC_DISPATCH(ExpTile)(start, scores, sums);
}

void AttentionValues(ConstMatF weights, const HeadBlocks& values, std::size_t start,
                     std::span<const float> sums, MatF out) {
  assert(weights.rows() == out.rows() && sums.size() == out.rows());
  HWY_DYNAMIC_DISPATCH(WeighTile)(weights, values, start, sums, out);
}

}  // namespace cascade::model::kernels
#endif  // HWY_ONCE
