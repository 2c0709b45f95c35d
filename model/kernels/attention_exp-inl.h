// Scores to weights: exp(score - max), and their sum.
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

HWY_BEFORE_NAMESPACE();
namespace cascade::model::kernels {
namespace HWY_NAMESPACE {

constexpr std::size_t kExpRows = 4;

// The exponentials of one head for the rows of a tile, several rows side by side: a row's maximum
// alone would wait for its comparisons.
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
      // Where the maximum is no number to subtract, nothing is.
      const bool finite = hn::AllTrue(FloatTag(), hn::IsFinite(max[r]));
      sums_[first + r] = finite ? SumOf(sums[r]) : std::numeric_limits<float>::quiet_NaN();
    }
  }

 private:
  // From the position after row `r`'s own to the end of the blocks: -Inf, which becomes a zero and
  // changes neither the maximum nor the sum.
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

  // Differences are at most zero; those of a row with a NaN are lost, as the row is.
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

  static HWY_INLINE float SumOf(const FloatVector (&sums)[kPanelVectors]) {
    VirtualLanes<float> lanes;
    for (std::size_t v = 0; v < kPanelVectors; ++v) {
      hn::StoreU(sums[v], FloatTag(), &lanes[v * kLanes]);
    }
    return SumOfLanes(lanes);
  }

  std::size_t start_;
  ScoreTile scores_;
  std::span<float> sums_;
};

}  // namespace HWY_NAMESPACE
}  // namespace cascade::model::kernels
HWY_AFTER_NAMESPACE();
#endif
