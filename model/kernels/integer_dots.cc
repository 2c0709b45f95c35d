// SPDX-License-Identifier: Apache-2.0

#include "model/kernels/integer_dots.h"

#include "model/kernels/highway_config.h"
#include "model/kernels/int4_dot_panels.h"
#include "model/kernels/int8_panels.h"
#include "model/kernels/output_tile.h"
#include "model/kernels/rounded_rows.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/kernels/integer_dots.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "model/kernels/int4_dots-inl.h"
#include "model/kernels/matmul_epilogue-inl.h"
#include "model/kernels/rounded_rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace cascade::model::kernels {
namespace HWY_NAMESPACE {

void RoundRows(ConstMatF x, IndexRange tiles, const RoundedRows& out) { RoundTiles(x, tiles, out); }

void UnpackInt4(const std::byte* groups, std::size_t count, std::byte* out) {
  for (std::size_t g = 0; g < count; ++g) {
    UnpackGroup(groups + g * kInt4DotGroupBytes, out + g * kDotGroup * kPanelColumns);
  }
}

// The integers of row `row` and of the columns from `column` on of a panel.
HWY_INLINE FloatVector Int8Weights(const std::byte* panel, std::size_t row, std::size_t column) {
  const FloatTag d;
  const WordTag words;
  const std::size_t in_word = row % kDotInputs;
  // A lane has an output's four weights; one of them is the row's.
  const WordVector four = hn::LoadU(words, reinterpret_cast<const std::uint32_t*>(
                                               panel + Int8DotOrder::Index(row - in_word, column)));
  const WordVector stored =
      hn::And(hn::ShiftRightSame(four, static_cast<int>(in_word) * 8), hn::Set(words, 0xff));
  const hn::RebindToSigned<FloatTag> integers;
  return hn::Sub(hn::ConvertTo(d, hn::BitCast(integers, stored)), hn::Set(d, 128.0f));
}

// Adds the products of a row's outliers with the weights of one panel to chains[16].
template <typename WeightsAt>
HWY_INLINE void AddOutliers(std::span<const Outlier> outliers, const std::byte* panel,
                            const WeightsAt& weights_at, float* chains) {
  const FloatTag d;
  for (const Outlier& outlier : outliers) {
    const FloatVector value = hn::Set(d, outlier.value);
    for (std::size_t c = 0; c < kPanelColumns; c += kLanes) {
      const FloatVector chain = hn::Load(d, chains + c);
      hn::Store(Fma(value, weights_at(panel, outlier.input, c), chain), d, chains + c);
    }
  }
}

// Adds the outliers to chains, [rows][panels * 16], that have all groups, and takes them to the
// output.
void FinishDots(const RoundedRows& x, const PackedMatrix& w, const Epilogue& epilogue,
                const OutputTile& tile, float* chains, MatF out) {
  const bool int4 = w.type() == WeightType::kInt4;
  for (std::size_t r = 0; r < tile.rows; ++r) {
    const std::span<const Outlier> outliers = x.OutliersOf(tile.row + r);
    for (std::size_t p = 0; p < tile.panels; ++p) {
      const std::byte* panel = w.Panel(tile.panel + p);
      float* of_panel = chains + r * tile.Columns() + p * kPanelColumns;
      if (int4) {
        AddOutliers(outliers, panel, &Int4Weights, of_panel);
      } else {
        AddOutliers(outliers, panel, &Int8Weights, of_panel);
      }
    }
  }
  // Both formats end with the scales.
  const auto scales = [&](std::size_t p) {
    return reinterpret_cast<const float*>(w.Panel(p) + w.panel_bytes()) - kPanelColumns;
  };
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
#include <span>

#include "model/kernels/integer_tile.h"
#include "model/kernels/integer_units.h"

namespace cascade::model::kernels {

HWY_EXPORT(RoundRows);
HWY_EXPORT(UnpackInt4);
HWY_EXPORT(FinishDots);
HWY_EXPORT(PrefetchTile);

namespace {

// How far ahead of the multiplication the weights of a few rows are prefetched, in bytes of all
// panels of a pass: as the float chains do.
constexpr std::size_t kPrefetchBytes = 8192;

// The K block: the weights of so many groups of inputs stay in the first-level cache while the row
// tiles of an M block pass by. Of four panels half as many, so that a block takes 16 KiB at most.
constexpr std::size_t kKBlockGroups = 8;
constexpr std::size_t kKBlockBytes = 2 * kKBlockGroups * kDotGroup * kPanelColumns;

constexpr std::size_t KBlockGroups(std::size_t panels) {
  return panels > 2 ? kKBlockGroups / 2 : kKBlockGroups;
}

// The input of an M block, a byte for each, takes half of a second-level cache of 2 MiB at most.
constexpr std::size_t kMBlockBytes = std::size_t{1} << 20;
constexpr std::size_t kMaxMBlockRows = 240;
constexpr std::size_t kMinMBlockRows = 48;

// Ranges of panels are cut only where every pass ends: a pass has 1, 2 or 4 panels.
constexpr std::size_t kGrainPanels = 4;

constexpr std::size_t kStepBytes = kDotInputs * kPanelColumns;  // of a panel, for a tile
constexpr std::size_t kGroupBytes = kDotGroupSteps * kStepBytes;

struct IntegerDotsJob {
  const IntegerUnit& unit;
  const RoundedRows& x;
  const PackedMatrix& w;
  const Epilogue& epilogue;
  MatF out;

  std::size_t Steps() const { return (w.n_in() + kDotInputs - 1) / kDotInputs; }
  bool IsInt4() const { return w.type() == WeightType::kInt4; }
  std::size_t StoredGroupBytes() const { return IsInt4() ? kInt4DotGroupBytes : kGroupBytes; }
};

// Weights as tiles read them.
struct DotWeights {
  const std::byte* first;    // of the first panel
  std::size_t panel_stride;  // bytes from panel to panel
};

// The groups `groups` of `panels` panels from `panel` on: int8 where it lies, int4 unpacked to
// `room`, of kKBlockBytes.
DotWeights WeightsOf(const IntegerDotsJob& job, std::size_t panel, std::size_t panels,
                     IndexRange groups, std::byte* room) {
  const std::byte* stored = job.w.Panel(panel) + groups.begin * job.StoredGroupBytes();
  if (!job.IsInt4()) return {stored, job.w.panel_bytes()};
  const std::size_t count = groups.end - groups.begin;
  for (std::size_t p = 0; p < panels; ++p) {
    HWY_DYNAMIC_DISPATCH(UnpackInt4)
    (stored + p * job.w.panel_bytes(), count, room + p * count * kGroupBytes);
  }
  return {room, count * kGroupBytes};
}

// The operands for the groups from `group` on of a tile, `steps` steps, whose weights are `w`;
// without what is prefetched.
DotOperands OperandsFor(const IntegerDotsJob& job, std::size_t row_tile, std::size_t group,
                        std::size_t steps, const DotWeights& w, float* chains) {
  const std::size_t at = job.x.Begin(row_tile, group);
  return {.x = job.x.values + at * kDotGroup,
          .scales = job.x.scales + at,
          .offsets = job.x.offsets + at,
          .w = w.first,
          .panel_stride = w.panel_stride,
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
  const DotFunction multiply = (job.IsInt4() ? job.unit.int4_tile : job.unit.tile)(rows, per_pass);
  alignas(64) float chains[kMaxDotRows * kMaxTilePanels * kPanelColumns];
  // The first call prefetches further steps of the same panels. The last ones have none after them:
  // the second call prefetches the beginning of the next pass meanwhile.
  const std::size_t steps = job.Steps();
  const std::size_t stride = job.w.panel_bytes();
  const std::size_t group_bytes = job.StoredGroupBytes();
  const std::size_t step_bytes = group_bytes / kDotGroupSteps;
  const std::size_t groups_ahead = kPrefetchBytes / per_pass / group_bytes;
  const std::size_t first_groups = job.x.groups - std::min(job.x.groups, groups_ahead);
  for (std::size_t p = panels.begin; p < panels.end; p += per_pass) {
    const OutputTile tile{.row = 0, .rows = rows, .panel = p, .panels = per_pass};
    const std::size_t first_steps = first_groups * kDotGroupSteps;
    DotWeights w{job.w.Panel(p), stride};
    DotOperands operands = OperandsFor(job, 0, 0, first_steps, w, chains);
    operands.prefetch = {w.first + groups_ahead * group_bytes, stride, step_bytes};
    if (first_steps > 0) multiply(operands);
    w.first += first_groups * group_bytes;
    operands = OperandsFor(job, 0, first_groups, steps - first_steps, w, chains);
    operands.prefetch = {job.w.Panel(p) + per_pass * stride, stride, step_bytes};
    multiply(operands);
    Finish(job, tile, chains);
  }
}

// One M block, the row tiles `tiles`, times `panels` panels from `panel` on: K block by K block, so
// that a block's weights stay in the first-level cache while the tiles pass by.
void MultiplyBlock(const IntegerDotsJob& job, IndexRange tiles, std::size_t panel,
                   std::size_t panels) {
  alignas(64) float chains[kMaxMBlockRows * kMaxTilePanels * kPanelColumns];
  alignas(64) std::byte room[kKBlockBytes];
  const RowTiles& cut = job.x.tiles;
  const std::size_t stride = job.w.panel_bytes();
  const std::size_t stored_bytes = job.StoredGroupBytes();
  // The tiles share the prefetching of the next K block evenly.
  const std::size_t prefetch_step = stored_bytes / kDotGroupSteps / (tiles.end - tiles.begin) + 1;
  for (std::size_t g = 0; g < job.x.groups; g += KBlockGroups(panels)) {
    const IndexRange groups{g, std::min(g + KBlockGroups(panels), job.x.groups)};
    const bool last = groups.end == job.x.groups;
    const std::size_t steps =
        (last ? job.Steps() : groups.end * kDotGroupSteps) - g * kDotGroupSteps;
    const DotWeights w = WeightsOf(job, panel, panels, groups, room);
    const std::byte* next =
        job.w.Panel(panel) + (last ? panels * stride : groups.end * stored_bytes);
    for (std::size_t t = tiles.begin; t < tiles.end; ++t) {
      const OutputTile tile{
          .row = cut.Begin(t), .rows = cut.Size(t), .panel = panel, .panels = panels};
      float* tile_chains = chains + (tile.row - cut.Begin(tiles.begin)) * tile.Columns();
      DotOperands operands = OperandsFor(job, t, g, steps, w, tile_chains);
      operands.prefetch = {next + (t - tiles.begin) * steps * prefetch_step, stride, prefetch_step};
      if (last) HWY_DYNAMIC_DISPATCH(PrefetchTile)(job.out, tile);
      job.unit.tile(tile.rows, panels)(operands);
      if (last) Finish(job, tile, tile_chains);
    }
  }
}

void MultiplyManyRows(const IntegerDotsJob& job, std::size_t per_pass, IndexRange panels) {
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
  const IntegerUnitScope scope(job.unit);
  if (job.x.tiles.count > 1) return MultiplyManyRows(job, job.unit.max_rows_panels, panels);
  const std::size_t rows = job.x.tiles.rows;
  const std::size_t per_pass = job.IsInt4() ? job.unit.int4_panels(rows) : job.unit.panels(rows);
  // int4 weights of more rows are unpacked, for a K block at a time.
  if (per_pass == 0) return MultiplyManyRows(job, job.unit.panels(rows), panels);
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
  const std::size_t readable = x.rows() * groups + kMaxDotRows;
  const RoundedRows rows{.values = Room(scratch.rounded_rows, readable * kDotGroup),
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
