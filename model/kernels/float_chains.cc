// SPDX-License-Identifier: Apache-2.0

#include "model/kernels/float_chains.h"

#include <algorithm>

#include "model/kernels/float_chains_job.h"
#include "model/kernels/highway_config.h"
#include "model/kernels/output_tile.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/kernels/float_chains.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "model/kernels/element_types.h"
#include "model/kernels/float_chains_ends-inl.h"
#include "model/kernels/float_chains_many_rows-inl.h"
#include "model/kernels/float_chains_pack-inl.h"
#include "model/kernels/float_chains_panels-inl.h"
#include "model/kernels/float_chains_tile-inl.h"
#include "model/kernels/panel.h"

HWY_BEFORE_NAMESPACE();
namespace cascade::model::kernels {
namespace HWY_NAMESPACE {

// How far ahead of the multiplication the weights of a few rows are prefetched, in bytes of all
// panels of a pass: twice what memory delivers while one line is on its way (20 GB/s times 100 ns).
constexpr std::size_t kPrefetchBytes = 8192;

// How many tiles `rows` rows make.
std::size_t CountTiles(std::size_t rows) { return RowTiles(rows, kMaxTileRows).count; }

// Writes the tiles `tiles` of x to their places in `out`.
void PackTiles(ConstMatF x, IndexRange tiles, float* out) {
  const RowTiles cut(x.rows(), kMaxTileRows);
  for (std::size_t t = tiles.begin; t < tiles.end; ++t) {
    const RowTile tile = cut.Tile(t);
    PackTile(x.Rows(tile.row, tile.rows), out + tile.row * x.cols());
  }
}

// One tile of rows times `per_pass` panels in each pass, which is kPanels, or (kPanels = 0) as many
// as the registers hold. Each weight is read from memory once, and every chain stays in its
// register but for one visit to memory between the two calls of a pass.
template <class Panel, std::size_t kPanels>
void MultiplyFewRows(const FloatChainsJob& job, std::size_t per_pass, IndexRange panels) {
  const TileFunction multiply = TileFunctionFor<Panel, FloatCopy::kNone, kPanels>(job.rows);
  HWY_ALIGN float start[kMaxPanels * kPanelColumns];
  HWY_ALIGN float chains[kMaxTileRows * kMaxPanels * kPanelColumns];
  // The first call prefetches further rows of the same panels. The last rows have none after them:
  // the second call, of the last groups_ahead row groups, prefetches the beginning of the next
  // pass.
  const std::size_t stride = job.w.panel_bytes();
  const std::size_t groups_ahead = kPrefetchBytes / per_pass / Panel::kGroupBytes;
  const std::size_t groups = job.w.n_in() / Panel::kGroupRows;
  const std::size_t first_groups = groups - std::min(groups, groups_ahead);
  const std::size_t first_depth = first_groups * Panel::kGroupRows;
  for (std::size_t p = panels.begin; p < panels.end; p += per_pass) {
    const OutputTile tile{.row = 0, .rows = job.rows, .panel = p, .panels = per_pass};
    const std::byte* w = job.w.Panel(p);
    StartChains<Panel>(job, tile, start);
    multiply({.x = job.x,
              .w = w,
              .panel_stride = stride,
              .depth = first_depth,
              .prefetch = {.first = w + groups_ahead * Panel::kGroupBytes,
                           .panel_stride = stride,
                           .step = Panel::kGroupBytes},
              .start = start,
              .start_stride = 0,
              .chains = chains});
    multiply({.x = job.x + first_depth * job.rows,
              .w = w + first_groups * Panel::kGroupBytes,
              .panel_stride = stride,
              .depth = job.w.n_in() - first_depth,
              .prefetch = {.first = w + per_pass * stride,
                           .panel_stride = stride,
                           .step = Panel::kGroupBytes},
              .start = chains,
              .start_stride = tile.Columns(),
              .chains = chains});
    FinishChains<Panel>(job, tile, chains);
  }
}

template <class Panel>
void MultiplyPanelsOf(const FloatChainsJob& job, IndexRange panels) {
  if (job.rows > kMaxTileRows) return MultiplyManyRows<Panel>(job, panels);
  const std::size_t per_pass = PanelsPerPass(job.rows);
  const std::size_t whole = panels.begin + (panels.end - panels.begin) / per_pass * per_pass;
  MultiplyFewRows<Panel, 0>(job, per_pass, {panels.begin, whole});
  MultiplyFewRows<Panel, 1>(job, 1, {whole, panels.end});
}

// The one place where this family asks for the format: which reader it is read with.
void MultiplyPanels(const FloatChainsJob& job, IndexRange panels) {
  switch (job.w.type()) {
    case WeightType::kF32:
      return MultiplyPanelsOf<F32Panel>(job, panels);
    case WeightType::kBf16:
      return MultiplyPanelsOf<Bf16Panel>(job, panels);
    case WeightType::kF16:
      return MultiplyPanelsOf<F16Panel>(job, panels);
    case WeightType::kInt8:
      return MultiplyPanelsOf<Int8Panel>(job, panels);
    case WeightType::kInt4:
      return MultiplyPanelsOf<Int4Panel>(job, panels);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace cascade::model::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cascade::model::kernels {

HWY_EXPORT(CountTiles);
HWY_EXPORT(PackTiles);
HWY_EXPORT(MultiplyPanels);

namespace {

// Ranges of panels are cut only where every pass ends: a pass has 1, 2 or 4 panels.
constexpr std::size_t kGrainPanels = 4;

// x in row tiles: x itself if it is one row, else a packed copy in `scratch`.
const float* Tiles(ConstMatF x, Executor& executor, MatMulScratch& scratch) {
  if (x.rows() == 1) return x.data();
  const std::size_t floats = x.rows() * x.cols();
  if (scratch.packed_rows.size() < floats) scratch.packed_rows = AlignedBuffer<float>(floats);
  float* out = scratch.packed_rows.data();
  const std::size_t tiles = HWY_DYNAMIC_DISPATCH(CountTiles)(x.rows());
  if (tiles == 1) {  // packed sooner than another thread would wake up
    HWY_DYNAMIC_DISPATCH(PackTiles)(x, {0, 1}, out);
  } else {
    executor.ForRanges(tiles, 1, [&](IndexRange range) {
      HWY_DYNAMIC_DISPATCH(PackTiles)(x, range, out);
    });
  }
  return out;
}

}  // namespace

void MultiplyFloatChains(ConstMatF x, const PackedMatrix& w, const Epilogue& epilogue,
                         Executor& executor, MatMulScratch& scratch, MatF out) {
  const FloatChainsJob job{
      .x = Tiles(x, executor, scratch), .rows = x.rows(), .w = w, .epilogue = epilogue, .out = out};
  executor.ForRanges(w.panels(), kGrainPanels, [&](IndexRange panels) {
    HWY_DYNAMIC_DISPATCH(MultiplyPanels)(job, panels);
  });
}

}  // namespace cascade::model::kernels
#endif  // HWY_ONCE
