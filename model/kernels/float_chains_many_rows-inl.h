// SPDX-License-Identifier: Apache-2.0
// The float chains for more rows than one tile holds. The time goes into the multiply-adds, if
// everything else is kept out of their way; the blocking is Goto's, as BLIS has it.
//
// An M block of rows (mc) passes by a few panels, K block (kc) by K block. The weights of a K block
// stay in the first-level cache while all row tiles of the M block use them; the M block's input
// stays in the second-level cache; the next K block is prefetched meanwhile; and weights that are
// not floats are widened once, by the first tile, which leaves them behind as floats.
#include <algorithm>
#include <type_traits>

#include "model/kernels/float_chains_ends-inl.h"
#include "model/kernels/float_chains_job.h"
#include "model/kernels/float_chains_tile-inl.h"
#include "model/kernels/output_tile.h"
#include "model/kernels/panel.h"

#if defined(CASCADE_MODEL_KERNELS_FLOAT_CHAINS_MANY_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CASCADE_MODEL_KERNELS_FLOAT_CHAINS_MANY_ROWS_INL_H_
#undef CASCADE_MODEL_KERNELS_FLOAT_CHAINS_MANY_ROWS_INL_H_
#else
#define CASCADE_MODEL_KERNELS_FLOAT_CHAINS_MANY_ROWS_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace cascade::model::kernels {
namespace HWY_NAMESPACE {

// The input of an M block takes half of a second-level cache of 2 MiB, within limits: fewer rows
// would read the weights too often, and more would have chains (15 KiB for each panel at 240 rows)
// that no longer stay near.
constexpr std::size_t kMBlockBytes = std::size_t{1} << 20;
constexpr std::size_t kMaxMBlockRows = 240;
constexpr std::size_t kMinMBlockRows = 48;

inline std::size_t MBlockTiles(std::size_t n_in) {
  const std::size_t rows = kMBlockBytes / (n_in * sizeof(float));
  return std::clamp(rows, kMinMBlockRows, kMaxMBlockRows) / kMaxTileRows;
}

// One M block, the row tiles `tiles`, times kPanels panels from `panel` on.
template <class Panel, std::size_t kPanels>
class BlockProduct {
 public:
  BlockProduct(const FloatChainsJob& job, IndexRange tiles, std::size_t panel)
      : job_(job),
        cut_(job.rows, kMaxTileRows),
        tiles_(tiles),
        panel_(panel),
        prefetch_bytes_(Panel::kGroupBytes / Panel::kGroupRows / (tiles.end - tiles.begin) + 1) {
    StartChains<Panel>(job, {.row = 0, .rows = 1, .panel = panel, .panels = kPanels}, start_);
  }

  void Run() {
    const std::size_t n_in = job_.w.n_in();
    for (std::size_t k = 0; k < n_in; k += kKBlock) {
      MultiplyKBlock({k, std::min(k + kKBlock, n_in)});
    }
  }

 private:
  static constexpr std::size_t kColumns = kPanels * kPanelColumns;

  static std::size_t BytesOf(std::size_t rows) {
    return rows / Panel::kGroupRows * Panel::kGroupBytes;
  }

  // Takes every chain of the M block through the inputs `inputs`.
  void MultiplyKBlock(IndexRange inputs) {
    const bool last = inputs.end == job_.w.n_in();
    const std::size_t depth = inputs.end - inputs.begin;
    const std::byte* w = job_.w.Panel(panel_) + BytesOf(inputs.begin);
    const std::byte* next =
        last ? job_.w.Panel(panel_) + kPanels * job_.w.panel_bytes() : w + BytesOf(depth);
    float* chains = chains_;
    for (std::size_t t = tiles_.begin; t < tiles_.end; ++t) {
      const RowTile rows = cut_.Tile(t);
      const OutputTile tile{.row = rows.row, .rows = rows.rows, .panel = panel_, .panels = kPanels};
      if (last) PrefetchOutput(job_.out, tile);
      Multiply(tile.rows, t == tiles_.begin,
               {.x = job_.x + tile.row * job_.w.n_in() + inputs.begin * tile.rows,
                .w = w,
                .panel_stride = job_.w.panel_bytes(),
                .depth = depth,
                .prefetch = {.first = next + (t - tiles_.begin) * depth * prefetch_bytes_,
                             .panel_stride = job_.w.panel_bytes(),
                             .step = prefetch_bytes_},
                .start = inputs.begin == 0 ? start_ : chains,
                .start_stride = inputs.begin == 0 ? 0 : kColumns,
                .chains = chains,
                .floats = floats_});
      if (last) FinishChains<Panel>(job_, tile, chains);
      chains += tile.rows * kColumns;
    }
  }

  void Multiply(std::size_t rows, bool first_tile, TileOperands operands) {
    if constexpr (!std::is_same_v<Panel, F32Panel>) {
      if (first_tile) {
        // This tile counts row groups where the others count rows.
        operands.prefetch.step *= Panel::kGroupRows;
        return TileFunctionFor<Panel, FloatCopy::kWrite, kPanels>(rows)(operands);
      }
      operands.w = reinterpret_cast<const std::byte*>(floats_);
      operands.panel_stride = kKBlock * F32Panel::kGroupBytes;
    }
    TileFunctionFor<F32Panel, FloatCopy::kNone, kPanels>(rows)(operands);
  }

  const FloatChainsJob& job_;
  RowTiles cut_;
  IndexRange tiles_;
  std::size_t panel_;
  // Bytes of each panel's next K block that a tile prefetches for each row of the present one. The
  // tiles share the work evenly: a row of the panel takes kGroupBytes / kGroupRows bytes, each of
  // the T tiles prefetches 1 / T of them, and the + 1 rounds up, so that together they cover it
  // all.
  std::size_t prefetch_bytes_;
  HWY_ALIGN float start_[kColumns];
  HWY_ALIGN float chains_[kMaxMBlockRows * kColumns];
  HWY_ALIGN float floats_[kKBlock * kColumns];
};

template <class Panel>
void MultiplyManyRows(const FloatChainsJob& job, IndexRange panels) {
  constexpr std::size_t kPanels = PanelsPerPass(kMaxTileRows);
  const std::size_t tiles = RowTiles(job.rows, kMaxTileRows).count;
  const std::size_t block_tiles = MBlockTiles(job.w.n_in());
  for (std::size_t t = 0; t < tiles; t += block_tiles) {
    const IndexRange block{t, std::min(t + block_tiles, tiles)};
    std::size_t p = panels.begin;
    for (; p + kPanels <= panels.end; p += kPanels) {
      BlockProduct<Panel, kPanels>(job, block, p).Run();
    }
    for (; p < panels.end; ++p) BlockProduct<Panel, 1>(job, block, p).Run();
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace cascade::model::kernels
HWY_AFTER_NAMESPACE();
#endif
