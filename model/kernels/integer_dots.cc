// SPDX-License-Identifier: Apache-2.0

#include "model/kernels/integer_dots.h"

#include "model/kernels/highway_config.h"
#include "model/kernels/int8_panels.h"
#include "model/kernels/output_tile.h"
#include "model/kernels/rounded_rows.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/kernels/integer_dots.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "model/kernels/matmul_epilogue-inl.h"
#include "model/kernels/rounded_rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace cascade::model::kernels {
namespace HWY_NAMESPACE {

void RoundRows(ConstMatF x, IndexRange tiles, const RoundedRows& out) { RoundTiles(x, tiles, out); }

// Adds the products of a row's outliers with the weights of one panel to chains[16].
HWY_INLINE void AddOutliers(std::span<const Outlier> outliers, const std::byte* panel,
                            float* chains) {
  const FloatTag d;
  const hn::RebindToUnsigned<FloatTag> du;
  const hn::RebindToSigned<FloatTag> di;
  const FloatVector zero_point = hn::Set(d, 128.0f);
  for (const Outlier& outlier : outliers) {
    const std::byte* step = panel + Int8DotOrder::Index(outlier.input / 4 * 4, 0);
    const int shift = static_cast<int>(outlier.input % 4) * 8;
    for (std::size_t c = 0; c < kPanelColumns; c += kLanes) {
      // A lane has an output's four weights; one of them is the outlier's.
      const auto four = hn::LoadU(du, reinterpret_cast<const std::uint32_t*>(step) + c);
      const auto stored = hn::And(hn::ShiftRightSame(four, shift), hn::Set(du, 0xff));
      const FloatVector q = hn::Sub(hn::ConvertTo(d, hn::BitCast(di, stored)), zero_point);
      hn::Store(Fma(hn::Set(d, outlier.value), q, hn::Load(d, chains + c)), d, chains + c);
    }
  }
}

// Adds the outliers to chains, [rows][panels * 16], that have all groups, and takes them to the
// output.
void FinishDots(const RoundedRows& x, const PackedMatrix& w, const Epilogue& epilogue,
                const OutputTile& tile, float* chains, MatF out) {
  for (std::size_t r = 0; r < tile.rows; ++r) {
    const std::span<const Outlier> outliers = x.OutliersOf(tile.row + r);
    for (std::size_t p = 0; p < tile.panels; ++p) {
      AddOutliers(outliers, w.Panel(tile.panel + p),
                  chains + r * tile.Columns() + p * kPanelColumns);
    }
  }
  const auto scales = [&](std::size_t p) { return Int8Scales(w.Panel(p), w.n_in()); };
  ScaleTile(epilogue.bias, tile, scales, chains);
  ApplyEpilogue(epilogue, tile, chains, out);
}

void PrefetchTile(MatF out, const OutputTile& tile) { PrefetchOutput(out, tile); }

}  // namespace HWY_NAMESPACE
}  // namespace cascade::model::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include <algorithm>
#include <cstdint>

#include "model/kernels/integer_tile.h"
#include "model/kernels/integer_units.h"

namespace cascade::model::kernels {

HWY_EXPORT(RoundRows);
HWY_EXPORT(FinishDots);
HWY_EXPORT(PrefetchTile);

namespace {

constexpr std::size_t kLargestTileRows = 12;  // of all units

// How far ahead of the multiplication the weights of a few rows are prefetched, in bytes of all
// panels of a pass: as the float chains do.
constexpr std::size_t kPrefetchBytes = 8192;

// The K block: the weights of so many groups of inputs stay in the first-level cache while the row
// tiles of an M block pass by.
constexpr std::size_t kKBlockGroups = 8;

// The input of an M block, a byte for each, takes half of a second-level cache of 2 MiB at most.
constexpr std::size_t kMBlockBytes = std::size_t{1} << 20;
constexpr std::size_t kMaxMBlockRows = 240;
constexpr std::size_t kMinMBlockRows = 48;

// Ranges of panels are cut only where every pass ends: a pass has 1, 2 or 4 panels.
constexpr std::size_t kGrainPanels = 4;

constexpr std::size_t kStepBytes = kDotInputs * kPanelColumns;  // of a panel

struct IntegerDotsJob {
  const IntegerUnit& unit;
  const RoundedRows& x;
  const PackedMatrix& w;
  const Epilogue& epilogue;
  MatF out;

  std::size_t Steps() const { return (w.n_in() + kDotInputs - 1) / kDotInputs; }
};

// The operands for the groups from `group` on of a tile, `steps` steps; without what is prefetched.
DotOperands OperandsFor(const IntegerDotsJob& job, std::size_t row_tile, std::size_t panel,
                        std::size_t group, std::size_t steps, float* chains) {
  const std::size_t at = job.x.Begin(row_tile, group);
  return {.x = job.x.values + at * kDotGroup,
          .scales = job.x.scales + at,
          .offsets = job.x.offsets + at,
          .w = job.w.Panel(panel) + group * kDotGroupSteps * kStepBytes,
          .panel_stride = job.w.panel_bytes(),
          .steps = steps,
          .prefetch = {},
          .from_zero = group == 0,
          .chains = chains};
}

void Finish(const IntegerDotsJob& job, const OutputTile& tile, float* chains) {
  HWY_DYNAMIC_DISPATCH(FinishDots)(job.x, job.w, job.epilogue, tile, chains, job.out);
}

// One tile of rows times `per_pass` panels in each pass: each weight is read from memory once.
void MultiplyFewRows(const IntegerDotsJob& job, std::size_t per_pass, IndexRange panels) {
  const std::size_t rows = job.x.tiles.rows;
  const DotFunction multiply = job.unit.tile(rows, per_pass);
  alignas(64) float chains[kLargestTileRows * kMaxTilePanels * kPanelColumns];
  // The first call prefetches further steps of the same panels. The last ones have none after them:
  // the second call prefetches the beginning of the next pass meanwhile.
  const std::size_t steps = job.Steps();
  const std::size_t groups_ahead = kPrefetchBytes / per_pass / (kStepBytes * kDotGroupSteps);
  const std::size_t first_groups = job.x.groups - std::min(job.x.groups, groups_ahead);
  const std::size_t ahead = groups_ahead * kDotGroupSteps * kStepBytes;
  for (std::size_t p = panels.begin; p < panels.end; p += per_pass) {
    const OutputTile tile{.row = 0, .rows = rows, .panel = p, .panels = per_pass};
    const std::size_t first_steps = first_groups * kDotGroupSteps;
    DotOperands operands = OperandsFor(job, 0, p, 0, first_steps, chains);
    operands.prefetch = {operands.w + ahead, operands.panel_stride, kStepBytes};
    if (first_steps > 0) multiply(operands);
    operands = OperandsFor(job, 0, p, first_groups, steps - first_steps, chains);
    operands.prefetch = {job.w.Panel(p) + per_pass * operands.panel_stride, operands.panel_stride,
                         kStepBytes};
    multiply(operands);
    Finish(job, tile, chains);
  }
}

// One M block, the row tiles `tiles`, times `panels` panels from `panel` on: K block by K block, so
// that a block's weights stay in the first-level cache while the tiles pass by.
void MultiplyBlock(const IntegerDotsJob& job, IndexRange tiles, std::size_t panel,
                   std::size_t panels) {
  alignas(64) float chains[kMaxMBlockRows * kMaxTilePanels * kPanelColumns];
  const RowTiles& cut = job.x.tiles;
  const std::size_t steps = job.Steps();
  constexpr std::size_t kBlockSteps = kKBlockGroups * kDotGroupSteps;
  // The tiles share the prefetching of the next K block evenly.
  const std::size_t prefetch_step = kStepBytes / (tiles.end - tiles.begin) + 1;
  for (std::size_t k = 0; k < steps; k += kBlockSteps) {
    const std::size_t block_steps = std::min(kBlockSteps, steps - k);
    const bool last = k + block_steps == steps;
    for (std::size_t t = tiles.begin; t < tiles.end; ++t) {
      const OutputTile tile{
          .row = cut.Begin(t), .rows = cut.Size(t), .panel = panel, .panels = panels};
      float* tile_chains = chains + (tile.row - cut.Begin(tiles.begin)) * tile.Columns();
      DotOperands operands =
          OperandsFor(job, t, panel, k / kDotGroupSteps, block_steps, tile_chains);
      const std::byte* next = last ? job.w.Panel(panel) + panels * operands.panel_stride
                                   : operands.w + block_steps * kStepBytes;
      operands.prefetch = {next + (t - tiles.begin) * block_steps * prefetch_step,
                           operands.panel_stride, prefetch_step};
      if (last) HWY_DYNAMIC_DISPATCH(PrefetchTile)(job.out, tile);
      job.unit.tile(tile.rows, panels)(operands);
      if (last) Finish(job, tile, tile_chains);
    }
  }
}

void MultiplyManyRows(const IntegerDotsJob& job, IndexRange panels) {
  const std::size_t per_pass = job.unit.max_rows_panels;
  const std::size_t rows = std::clamp(kMBlockBytes / job.w.n_in(), kMinMBlockRows, kMaxMBlockRows);
  const std::size_t block_tiles = rows / job.unit.max_rows;
  for (std::size_t t = 0; t < job.x.tiles.count; t += block_tiles) {
    const IndexRange block{t, std::min(t + block_tiles, job.x.tiles.count)};
    std::size_t p = panels.begin;
    for (; p + per_pass <= panels.end; p += per_pass) MultiplyBlock(job, block, p, per_pass);
    for (; p < panels.end; ++p) MultiplyBlock(job, block, p, 1);
  }
}

void MultiplyPanels(const IntegerDotsJob& job, IndexRange panels) {
  if (job.x.tiles.count > 1) return MultiplyManyRows(job, panels);
  const std::size_t per_pass = job.unit.panels(job.x.tiles.rows);
  const std::size_t whole = panels.begin + (panels.end - panels.begin) / per_pass * per_pass;
  MultiplyFewRows(job, per_pass, {panels.begin, whole});
  MultiplyFewRows(job, 1, {whole, panels.end});
}

template <typename T>
T* Room(AlignedBuffer<T>& buffer, std::size_t size) {
  if (buffer.size() < size) buffer = AlignedBuffer<T>(size);
  return buffer.data();
}

RoundedRows Round(ConstMatF x, std::size_t max_rows, Executor& executor, MatMulScratch& scratch) {
  const std::size_t groups = DotGroups(x.cols());
  const RoundedRows rows{.values = Room(scratch.rounded_rows, x.rows() * groups * kDotGroup),
                         .scales = Room(scratch.row_scales, x.rows() * groups),
                         .offsets = Room(scratch.row_offsets, x.rows() * groups),
                         .outliers = Room(scratch.outliers, x.rows() * groups * kMaxOutliers),
                         .outlier_counts = Room(scratch.outlier_counts, x.rows()),
                         .groups = groups,
                         .tiles = RowTiles(x.rows(), max_rows)};
  if (rows.tiles.count == 1) {  // rounded sooner than another thread would wake up
    HWY_DYNAMIC_DISPATCH(RoundRows)(x, {0, 1}, rows);
  } else {
    executor.ForRanges(rows.tiles.count, 1, [&](IndexRange tiles) {
      HWY_DYNAMIC_DISPATCH(RoundRows)(x, tiles, rows);
    });
  }
  return rows;
}

}  // namespace

void MultiplyIntegerDots(ConstMatF x, const PackedMatrix& w, const Epilogue& epilogue,
                         Executor& executor, MatMulScratch& scratch, MatF out) {
  const IntegerUnit& unit = IntegerUnitInUse();
  const RoundedRows rounded = Round(x, unit.max_rows, executor, scratch);
  const IntegerDotsJob job{.unit = unit, .x = rounded, .w = w, .epilogue = epilogue, .out = out};
  executor.ForRanges(w.panels(), kGrainPanels,
                     [&](IndexRange panels) { MultiplyPanels(job, panels); });
}

}  // namespace cascade::model::kernels
#endif  // HWY_ONCE
