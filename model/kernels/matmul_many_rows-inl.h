// The matrix product for more rows than one tile holds: bound by the multiply-adds, if everything
// else is kept out of their way.
//
// A chunk of row tiles passes by a few panels, stretch by stretch of their rows. The stretch stays
// in the first-level cache and the chunk in the second, the next stretch is on its way meanwhile,
// and a 16-bit stretch is widened once, by the first tile as it goes.
#include <algorithm>
#include <type_traits>

#include "model/kernels/matmul_epilogue-inl.h"
#include "model/kernels/matmul_job.h"
#include "model/kernels/matmul_tile-inl.h"
#include "model/kernels/panel.h"

#if defined(CASCADE_MODEL_KERNELS_MATMUL_MANY_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CASCADE_MODEL_KERNELS_MATMUL_MANY_ROWS_INL_H_
#undef CASCADE_MODEL_KERNELS_MATMUL_MANY_ROWS_INL_H_
#else
#define CASCADE_MODEL_KERNELS_MATMUL_MANY_ROWS_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace cascade::model::kernels {
namespace HWY_NAMESPACE {

// A chunk has as many rows as take half of a second-level cache of 2 MiB, within limits: fewer
// would read the weights too often, more would not hold their chains (30 KiB) near.
constexpr std::size_t kChunkBytes = std::size_t{1} << 20;
constexpr std::size_t kMaxChunkRows = 240;
constexpr std::size_t kMinChunkRows = 48;

inline std::size_t ChunkTiles(std::size_t n_in) {
  const std::size_t rows = kChunkBytes / (n_in * sizeof(float));
  return std::clamp(rows, kMinChunkRows, kMaxChunkRows) / kMaxTileRows;
}

// One chunk of row tiles times kPanels panels.
template <class Panel, std::size_t kPanels>
class ChunkProduct {
 public:
  ChunkProduct(const MatMulJob& job, IndexRange tiles, std::size_t panel)
      : job_(job),
        cut_(job.rows, kMaxTileRows),
        tiles_(tiles),
        panel_(panel),
        // While the tiles use one stretch, each asks for its share of the next.
        prefetch_step_(Panel::kBytes / Panel::kRows / (tiles.end - tiles.begin) + 1) {
    StartChains(job, {.row = 0, .rows = 1, .panel = panel, .panels = kPanels}, start_);
  }

  void Run() {
    const std::size_t n_in = job_.w.n_in();
    for (std::size_t k = 0; k < n_in; k += kStretch) {
      MultiplyStretch({k, std::min(k + kStretch, n_in)});
    }
  }

 private:
  static constexpr std::size_t kColumns = kPanels * kPanelColumns;

  static std::size_t PanelBytes(std::size_t rows) { return rows / Panel::kRows * Panel::kBytes; }

  // Takes every chain of the chunk through the steps `stretch`.
  void MultiplyStretch(IndexRange stretch) {
    const bool last = stretch.end == job_.w.n_in();
    const std::size_t depth = stretch.end - stretch.begin;
    const std::byte* w = job_.w.Panel(panel_) + PanelBytes(stretch.begin);
    const std::byte* next =
        last ? job_.w.Panel(panel_) + kPanels * job_.w.panel_bytes() : w + PanelBytes(depth);
    for (std::size_t t = tiles_.begin; t < tiles_.end; ++t) {
      const OutputTile tile{
          .row = cut_.Begin(t), .rows = cut_.Size(t), .panel = panel_, .panels = kPanels};
      float* chains = chains_ + (tile.row - cut_.Begin(tiles_.begin)) * kColumns;
      if (last) PrefetchOutput(job_, tile);
      Multiply(tile.rows, t == tiles_.begin,
               {.x = job_.x + tile.row * job_.w.n_in() + stretch.begin * tile.rows,
                .w = w,
                .panel_stride = job_.w.panel_bytes(),
                .depth = depth,
                .prefetch = {.first = next + (t - tiles_.begin) * depth * prefetch_step_,
                             .panel_stride = job_.w.panel_bytes(),
                             .step = prefetch_step_},
                .start = stretch.begin == 0 ? start_ : chains,
                .start_stride = stretch.begin == 0 ? 0 : kColumns,
                .chains = chains,
                .widened = widened_});
      if (last) FinishChains(job_, tile, chains);
    }
  }

  void Multiply(std::size_t rows, bool first_tile, TileOperands operands) {
    if constexpr (!std::is_same_v<Panel, F32Panel>) {
      if (first_tile) return TileFunctionFor<Panel, Weights::kWiden, kPanels>(rows)(operands);
      operands.w = reinterpret_cast<const std::byte*>(widened_);
      operands.panel_stride = kStretch * F32Panel::kBytes;
    }
    TileFunctionFor<F32Panel, Weights::kRead, kPanels>(rows)(operands);
  }

  const MatMulJob& job_;
  RowTiles cut_;
  IndexRange tiles_;
  std::size_t panel_;
  std::size_t prefetch_step_;
  HWY_ALIGN float start_[kColumns];
  HWY_ALIGN float chains_[kMaxChunkRows * kColumns];
  HWY_ALIGN float widened_[kStretch * kColumns];
};

template <class Panel>
void MultiplyManyRows(const MatMulJob& job, IndexRange panels) {
  constexpr std::size_t kPanels = PanelsPerPass(kMaxTileRows);
  const std::size_t tiles = RowTiles(job.rows, kMaxTileRows).count;
  const std::size_t chunk_tiles = ChunkTiles(job.w.n_in());
  for (std::size_t t = 0; t < tiles; t += chunk_tiles) {
    const IndexRange chunk{t, std::min(t + chunk_tiles, tiles)};
    std::size_t p = panels.begin;
    for (; p + kPanels <= panels.end; p += kPanels) {
      ChunkProduct<Panel, kPanels>(job, chunk, p).Run();
    }
    for (; p < panels.end; ++p) ChunkProduct<Panel, 1>(job, chunk, p).Run();
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace cascade::model::kernels
HWY_AFTER_NAMESPACE();
#endif
