#include "model/kernels/matmul.h"

#include <algorithm>
#include <cassert>

#include "model/kernels/highway_config.h"
#include "model/kernels/matmul_job.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/kernels/matmul.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "model/kernels/element_types.h"
#include "model/kernels/matmul_epilogue-inl.h"
#include "model/kernels/matmul_many_rows-inl.h"
#include "model/kernels/matmul_pack-inl.h"
#include "model/kernels/matmul_tile-inl.h"
#include "model/kernels/panel.h"

HWY_BEFORE_NAMESPACE();
namespace cascade::model::kernels {
namespace HWY_NAMESPACE {

// How far ahead of the multiplication a few rows' weights are asked for, in bytes of all panels of
// a pass: what memory delivers in its latency (20 GB/s times 100 ns), doubled.
constexpr std::size_t kPrefetchBytes = 8192;

// How many tiles `rows` rows make.
std::size_t CountTiles(std::size_t rows) { return RowTiles(rows, kMaxTileRows).count; }

// Writes the tiles `tiles` of x to their places in `out`.
void PackTiles(ConstMatF x, IndexRange tiles, float* out) {
  const RowTiles cut(x.rows(), kMaxTileRows);
  for (std::size_t t = tiles.begin; t < tiles.end; ++t) {
    PackTile(x.Rows(cut.Begin(t), cut.Size(t)), out + cut.Begin(t) * x.cols());
  }
}

// One tile of rows times kPanels panels a pass, `per_pass` of them; 0: as many as the registers
// hold. Every chain stays in its register but for one stop, and each weight is read from memory
// once.
template <class Panel, std::size_t kPanels>
void MultiplyFewRows(const MatMulJob& job, std::size_t per_pass, IndexRange panels) {
  const TileFunction multiply = TileFunctionFor<Panel, Weights::kRead, kPanels>(job.rows);
  HWY_ALIGN float start[kMaxPanels * kPanelColumns];
  HWY_ALIGN float chains[kMaxTileRows * kMaxPanels * kPanelColumns];
  // The last steps of a pass ask for the beginning of the next one: its panels follow.
  const std::size_t stride = job.w.panel_bytes();
  const std::size_t pieces_ahead = kPrefetchBytes / per_pass / Panel::kBytes;
  const std::size_t pieces = job.w.n_in() / Panel::kRows;
  const std::size_t first_pieces = pieces - std::min(pieces, pieces_ahead);
  const std::size_t first_depth = first_pieces * Panel::kRows;
  for (std::size_t p = panels.begin; p < panels.end; p += per_pass) {
    const OutputTile tile{.row = 0, .rows = job.rows, .panel = p, .panels = per_pass};
    const std::byte* w = job.w.Panel(p);
    StartChains(job, tile, start);
    multiply({.x = job.x,
              .w = w,
              .panel_stride = stride,
              .depth = first_depth,
              .prefetch = {.first = w + pieces_ahead * Panel::kBytes,
                           .panel_stride = stride,
                           .step = Panel::kBytes},
              .start = start,
              .start_stride = 0,
              .chains = chains});
    multiply({.x = job.x + first_depth * job.rows,
              .w = w + first_pieces * Panel::kBytes,
              .panel_stride = stride,
              .depth = job.w.n_in() - first_depth,
              .prefetch = {.first = w + per_pass * stride,
                           .panel_stride = stride,
                           .step = Panel::kBytes},
              .start = chains,
              .start_stride = tile.Columns(),
              .chains = chains});
    FinishChains(job, tile, chains);
  }
}

template <class Panel>
void MultiplyPanelsOf(const MatMulJob& job, IndexRange panels) {
  if (job.rows > kMaxTileRows) return MultiplyManyRows<Panel>(job, panels);
  const std::size_t per_pass = PanelsPerPass(job.rows);
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

// Ranges of panels are cut where no pass is.
constexpr std::size_t kGrainPanels = 4;

// x in row tiles: x itself if it is one row, else in `scratch`.
const float* Tiles(ConstMatF x, Executor& executor, MatMulScratch& scratch) {
  if (x.rows() == 1) return x.data();
  const std::size_t floats = x.rows() * x.cols();
  if (scratch.packed_rows.size() < floats) scratch.packed_rows = AlignedBuffer<float>(floats);
  float* out = scratch.packed_rows.data();
  const std::size_t tiles = HWY_DYNAMIC_DISPATCH(CountTiles)(x.rows());
  if (tiles == 1) {  // not worth waking anybody
    HWY_DYNAMIC_DISPATCH(PackTiles)(x, {0, 1}, out);
  } else {
    executor.ForRanges(tiles, 1, [&](IndexRange range) {
      HWY_DYNAMIC_DISPATCH(PackTiles)(x, range, out);
    });
  }
  return out;
}

}  // namespace

void MatMul(ConstMatF x, const PackedMatrix& w, const Epilogue& epilogue, Executor& executor,
            MatMulScratch& scratch, MatF out) {
  assert(x.cols() == w.n_in() && out.rows() == x.rows() && out.cols() == w.n_out());
  assert(w.n_in() > 0 && (epilogue.bias.empty() || epilogue.bias.size() == w.n_out()));
  if (x.rows() == 0) return;
  const MatMulJob job{
      .x = Tiles(x, executor, scratch), .rows = x.rows(), .w = w, .epilogue = epilogue, .out = out};
  executor.ForRanges(w.panels(), kGrainPanels, [&](IndexRange panels) {
    HWY_DYNAMIC_DISPATCH(MultiplyPanels)(job, panels);
  });
}

}  // namespace cascade::model::kernels
#endif  // HWY_ONCE
