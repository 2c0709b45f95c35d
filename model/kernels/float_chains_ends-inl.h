// SPDX-License-Identifier: Apache-2.0
// The two ends of a chain: it starts at the bias, and when it is finished the epilogue takes it to
// the output. Where a format has one scale for each column, the chain is of whole numbers: it
// starts at zero, and meets scale and bias at its end.
#include <algorithm>

#include "model/kernels/float_chains_job.h"
#include "model/kernels/float_chains_tile-inl.h"
#include "model/kernels/matmul_epilogue-inl.h"
#include "model/kernels/output_tile.h"
#include "model/kernels/simd-inl.h"

#if defined(CASCADE_MODEL_KERNELS_FLOAT_CHAINS_ENDS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CASCADE_MODEL_KERNELS_FLOAT_CHAINS_ENDS_INL_H_
#undef CASCADE_MODEL_KERNELS_FLOAT_CHAINS_ENDS_INL_H_
#else
#define CASCADE_MODEL_KERNELS_FLOAT_CHAINS_ENDS_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace cascade::model::kernels {
namespace HWY_NAMESPACE {

// Writes where the chains of every row start to start[panels * 16], and asks for the scales that
// they end with, which lie behind what tiles read and prefetch.
template <class Panel>
void StartChains(const FloatChainsJob& job, const OutputTile& tile, float* start) {
  if constexpr (Panel::kScaledAtEnd) {
    std::fill_n(start, tile.Columns(), 0.0f);
    for (std::size_t p = tile.panel; p < tile.panel + tile.panels; ++p) {
      __builtin_prefetch(Panel::Scales(job.w.Panel(p), job.w.n_in()));
    }
  } else {
    CopyBias(job.epilogue.bias, tile, start);
  }
}

// Takes finished chains, [rows][panels * 16], to the output.
template <class Panel>
void FinishChains(const FloatChainsJob& job, const OutputTile& tile, float* chains) {
  if constexpr (Panel::kScaledAtEnd) {
    const auto scales = [&](std::size_t p) { return Panel::Scales(job.w.Panel(p), job.w.n_in()); };
    ScaleTile(job.epilogue.bias, tile, scales, chains);
  }
  ApplyEpilogue(job.epilogue, tile, chains, job.out);
}

}  // namespace HWY_NAMESPACE
}  // namespace cascade::model::kernels
HWY_AFTER_NAMESPACE();
#endif
