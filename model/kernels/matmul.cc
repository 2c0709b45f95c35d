#include "model/kernels/matmul.h"

#include <algorithm>
#include <cassert>

#include "model/kernels/highway_config.h"
#include "model/kernels/matmul_job.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/kernels/matmul.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "model/kernels/matmul_epilogue-inl.h"
#include "model/kernels/matmul_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace cascade::model::kernels {
namespace HWY_NAMESPACE {

// Steps of the chains between two visits to memory: a panel's stretch, as floats, takes 32 KiB and
// stays in the first-level cache while the row tiles pass by. Even, since bf16 pairs rows.
constexpr std::size_t kStretch = 512;

// Rows that pass by one stretch of weights: their chains take 30 KiB.
constexpr std::size_t kChunkRows = 240;

// How far ahead of a few rows' multiplication its weights are asked for, in bytes of each panel.
constexpr std::size_t kPrefetchBytes = 1024;

// Panels of a pass over more rows than one tile holds.
constexpr std::size_t kManyRowsPanels = PanelsPerPass(kMaxTileRows);

// Writes rows of x as one tile, [n_in][rows].
void PackTile(ConstMatF x, float* out) {
  for (std::size_t k = 0; k < x.cols(); ++k) {
    for (std::size_t r = 0; r < x.rows(); ++r) out[k * x.rows() + r] = x.data()[r * x.stride() + k];
  }
}

// How many tiles `rows` rows make.
std::size_t CountTiles(std::size_t rows) { return RowTiles(rows, kMaxTileRows).count; }

void PackTiles(const MatMulJob& job, IndexRange tiles) {
  const RowTiles cut(job.x.rows(), kMaxTileRows);
  for (std::size_t t = tiles.begin; t < tiles.end; ++t) {
    PackTile(job.x.Rows(cut.Begin(t), cut.Size(t)), job.packed_rows + cut.Begin(t) * job.x.cols());
  }
}

// All of one tile's rows, kPanels panels at a time: each weight is read from memory once.
template <class Panel, std::size_t kPanels>
void MultiplyFewRows(const MatMulJob& job, std::size_t panels_per_pass, IndexRange panels) {
  const std::size_t rows = job.x.rows();
  const TileFunction multiply = TileFunctionFor<Panel, kPanels>(rows);
  HWY_ALIGN float chains[kMaxTileRows * 4 * kPanelColumns];
  for (std::size_t p = panels.begin; p < panels.end; p += panels_per_pass) {
    const OutputTile tile{.row = 0, .rows = rows, .panel = p, .panels = panels_per_pass};
    StartChains(job.epilogue, tile, chains);
    const std::byte* w = job.w.Panel(p);
    multiply({.x = job.packed_rows,
              .w = w,
              .panel_stride = job.w.panel_bytes(),
              .depth = job.x.cols(),
              .prefetch = w + kPrefetchBytes,
              .prefetch_step = Panel::kBytes,
              .chains = chains});
    FinishChains(job, tile, chains);
  }
}

// Some panels of a stretch of weights, ready for row tiles: as they lie in memory, or widened.
struct Stretch {
  const std::byte* w;
  std::size_t panel_stride;
};

template <class Panel>
Stretch WidenStretch(const std::byte* w, std::size_t panel_stride, std::size_t panels,
                     std::size_t depth, float* out) {
  constexpr FloatTag d;
  for (std::size_t p = 0; p < panels; ++p) {
    for (std::size_t k = 0; k < depth; ++k) {
      const std::byte* piece = w + p * panel_stride + k / Panel::kRows * Panel::kBytes;
      float* row = out + (p * kStretch + k) * kPanelColumns;
      CASCADE_UNROLL
      for (std::size_t v = 0; v < kPanelVectors; ++v) {
        hn::Store(Panel::Load(piece, k % Panel::kRows, v), d, row + v * kLanes);
      }
    }
  }
  return {.w = reinterpret_cast<const std::byte*>(out),
          .panel_stride = kStretch * F32Panel::kBytes};
}

// One chunk of row tiles times kPanels panels.
template <class Panel, std::size_t kPanels>
void MultiplyChunk(const MatMulJob& job, IndexRange tiles, std::size_t panel) {
  const RowTiles cut(job.x.rows(), kMaxTileRows);
  const OutputTile whole{.row = cut.Begin(tiles.begin),
                         .rows = cut.Begin(tiles.end) - cut.Begin(tiles.begin),
                         .panel = panel,
                         .panels = kPanels};
  HWY_ALIGN float chains[kChunkRows * kPanels * kPanelColumns];
  HWY_ALIGN float widened[kPanels * kStretch * kPanelColumns];
  const std::size_t panel_stride = job.w.panel_bytes();
  StartChains(job.epilogue, whole, chains);
  for (std::size_t k = 0; k < job.x.cols(); k += kStretch) {
    const std::size_t depth = std::min(kStretch, job.x.cols() - k);
    const std::byte* w = job.w.Panel(panel) + k / Panel::kRows * Panel::kBytes;
    const Stretch stretch = WidenStretch<Panel>(w, panel_stride, kPanels, depth, widened);
    for (std::size_t t = tiles.begin; t < tiles.end; ++t) {
      const std::size_t rows = cut.Size(t);
      const float* x = job.packed_rows + cut.Begin(t) * job.x.cols() + k * rows;
      TileFunctionFor<F32Panel, kPanels>(rows)(
          {.x = x,
           .w = stretch.w,
           .panel_stride = stretch.panel_stride,
           .depth = depth,
           .prefetch = stretch.w,
           .prefetch_step = 0,
           .chains = chains + (cut.Begin(t) - whole.row) * whole.Columns()});
    }
  }
  FinishChains(job, whole, chains);
}

template <class Panel>
void MultiplyManyRows(const MatMulJob& job, IndexRange panels) {
  const std::size_t tiles = CountTiles(job.x.rows());
  constexpr std::size_t kChunkTiles = kChunkRows / kMaxTileRows;
  for (std::size_t t = 0; t < tiles; t += kChunkTiles) {
    const IndexRange chunk{t, std::min(t + kChunkTiles, tiles)};
    std::size_t p = panels.begin;
    for (; p + kManyRowsPanels <= panels.end; p += kManyRowsPanels) {
      MultiplyChunk<Panel, kManyRowsPanels>(job, chunk, p);
    }
    for (; p < panels.end; ++p) MultiplyChunk<Panel, 1>(job, chunk, p);
  }
}

template <class Panel>
void MultiplyPanelsOf(const MatMulJob& job, IndexRange panels) {
  if (job.x.rows() > kMaxTileRows) return MultiplyManyRows<Panel>(job, panels);
  const std::size_t per_pass = PanelsPerPass(job.x.rows());
  const std::size_t whole = panels.begin + (panels.end - panels.begin) / per_pass * per_pass;
  MultiplyFewRows<Panel, 0>(job, per_pass, {panels.begin, whole});
  MultiplyFewRows<Panel, 1>(job, 1, {whole, panels.end});
}

void MultiplyPanels(const MatMulJob& job, IndexRange panels) {
  switch (job.w.type()) {
    case WeightType::kF32:
      return MultiplyPanelsOf<F32Panel>(job, panels);
    case WeightType::kBf16:
      return MultiplyPanelsOf<Bf16Panel>(job, panels);
    case WeightType::kF16:
      return MultiplyPanelsOf<F16Panel>(job, panels);
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

// Ranges of panels are cut where no kernel's pass is.
constexpr std::size_t kGrainPanels = 4;

}  // namespace

void MatMul(ConstMatF x, const PackedMatrix& w, const Epilogue& epilogue, Executor& executor,
            MatMulScratch& scratch, MatF out) {
  assert(x.cols() == w.n_in() && out.rows() == x.rows() && out.cols() == w.n_out());
  assert(epilogue.bias.empty() || epilogue.bias.size() == w.n_out());
  if (x.rows() == 0 || w.n_out() == 0) return;
  const std::size_t floats = x.rows() * x.cols();
  if (scratch.packed_rows.size() < floats) scratch.packed_rows = AlignedBuffer<float>(floats);
  const MatMulJob job{
      .x = x, .w = w, .epilogue = epilogue, .packed_rows = scratch.packed_rows.data(), .out = out};
  executor.ForRanges(HWY_DYNAMIC_DISPATCH(CountTiles)(x.rows()), 1, [&](IndexRange tiles) {
    HWY_DYNAMIC_DISPATCH(PackTiles)(job, tiles);
  });
  executor.ForRanges(w.panels(), kGrainPanels, [&](IndexRange panels) {
    HWY_DYNAMIC_DISPATCH(MultiplyPanels)(job, panels);
  });
}

}  // namespace cascade::model::kernels
#endif  // HWY_ONCE
