// SPDX-License-Identifier: Apache-2.0
// The softmax of attention without its division: scores become exp(score - max), and are summed.
#include "model/kernels/activations-inl.h"
#include "model/kernels/attention_tile-inl.h"
#include "model/kernels/kv_block.h"
#include "model/kernels/panel.h"
#include "model/kernels/reductions-inl.h"

#if defined(CASCADE_MODEL_KERNELS_ATTENTION_EXP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CASCADE_MODEL_KERNELS_ATTENTION_EXP_INL_H_
#undef CASCADE_MODEL_KERNELS_ATTENTION_EXP_INL_H_
#else
#define CASCADE_MODEL_KERNELS_ATTENTION_EXP_INL_H_
#endif

#include <algorithm>
#include <limits>
#include <span>

HWY_BEFORE_NAMESPACE();
namespace cascade::model::kernels {
namespace HWY_NAMESPACE {

constexpr std::size_t kExpRows = CASCADE_SCALAR_TARGET ? 1 : 4;

// The exponentials of one head for the rows of a score tile, several rows side by side: one row's
// maximum is a chain of comparisons, each of which waits for the one before it, and the maxima of
// four rows fill the gaps.
class ExpPass {
 public:
  ExpPass(std::size_t start, ScoreTile scores, std::span<float> sums)
      : start_(start), scores_(scores), sums_(sums) {}

  template <std::size_t kRows>
  void Run(std::size_t first) const {
    const std::size_t blocks = (start_ + first + kRows - 1) / kBlockPositions + 1;
    for (std::size_t r = 0; r < kRows; ++r) Mask(first + r, blocks);
    FloatVector max[kRows];
    FindMax(first, blocks, max);
    FloatVector sums[kRows][kPanelVectors];
    Clear(sums);
    for (std::size_t b = 0; b < blocks; ++b) {
      CASCADE_UNROLL
      for (std::size_t r = 0; r < kRows; ++r) {
        ExpBlock(scores_.Row(first + r, b), max[r], sums[r]);
      }
    }
    for (std::size_t r = 0; r < kRows; ++r) {
      // If the row's maximum is NaN or infinite there is no valid softmax: the sum becomes NaN,
      // which marks the whole row.
      const bool finite = hn::AllTrue(FloatTag(), hn::IsFinite(max[r]));
      sums_[first + r] = finite ? TreeSum(sums[r]) : std::numeric_limits<float>::quiet_NaN();
    }
  }

 private:
  // Writes -Inf from the position after row `r`'s own to the end of the blocks, so that the loops
  // below run over whole blocks: exp(-Inf) is zero, and neither the maximum nor the sum changes.
  HWY_INLINE void Mask(std::size_t r, std::size_t blocks) const {
    const FloatTag d;
    const std::size_t seen = start_ + r + 1;
    for (std::size_t b = seen / kBlockPositions; b < blocks; ++b) {
      const std::size_t before = b * kBlockPositions;
      const std::size_t count = seen > before ? seen - before : 0;
      for (std::size_t lane = 0; lane < kBlockPositions; lane += kLanes) {
        float* place = scores_.Row(r, b) + lane;
        const auto own = hn::FirstN(d, std::min(count > lane ? count - lane : 0, kLanes));
        hn::Store(hn::IfThenElse(own, hn::Load(d, place), hn::Set(d, -HUGE_VALF)), d, place);
      }
    }
  }

  template <std::size_t kRows>
  HWY_INLINE void FindMax(std::size_t first, std::size_t blocks, FloatVector (&max)[kRows]) const {
    const FloatTag d;
    FloatVector best[kRows][kPanelVectors];
    CASCADE_UNROLL
    for (std::size_t r = 0; r < kRows; ++r) {
      CASCADE_UNROLL
      for (std::size_t v = 0; v < kPanelVectors; ++v) best[r][v] = hn::Set(d, -HUGE_VALF);
    }
    for (std::size_t b = 0; b < blocks; ++b) {
      CASCADE_UNROLL
      for (std::size_t r = 0; r < kRows; ++r) {
        CASCADE_UNROLL
        for (std::size_t v = 0; v < kPanelVectors; ++v) {
          best[r][v] = LargerOf(best[r][v], hn::Load(d, scores_.Row(first + r, b) + v * kLanes));
        }
      }
    }
    for (std::size_t r = 0; r < kRows; ++r) {
      HWY_ALIGN float lanes[kPanelColumns];
      for (std::size_t v = 0; v < kPanelVectors; ++v) hn::Store(best[r][v], d, lanes + v * kLanes);
      for (std::size_t half = kPanelColumns / 2; half > 0; half /= 2) {
        for (std::size_t i = 0; i < half; ++i) lanes[i] = LargerOf(lanes[i], lanes[i + half]);
      }
      max[r] = hn::Set(d, lanes[0]);
    }
  }

  // The differences are at most zero, so the exponential needs no check for overflow. In a row with
  // a NaN they may be anything, but that row's sum is NaN anyway.
  static HWY_INLINE void ExpBlock(float* place, FloatVector max,
                                  FloatVector (&sums)[kPanelVectors]) {
    const FloatTag d;
    CASCADE_UNROLL
    for (std::size_t v = 0; v < kPanelVectors; ++v) {
      const FloatVector x = hn::Sub(hn::Load(d, place + v * kLanes), max);
      const FloatVector y = ExpBelowOverflow(x);
      hn::Store(y, d, place + v * kLanes);
      sums[v] = hn::Add(sums[v], y);
    }
  }

  std::size_t start_;
  ScoreTile scores_;
  std::span<float> sums_;
};

}  // namespace HWY_NAMESPACE
}  // namespace cascade::model::kernels
HWY_AFTER_NAMESPACE();
#endif
