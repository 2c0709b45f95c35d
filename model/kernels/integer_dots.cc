// SPDX-License-Identifier: Apache-2.0

#include "model/kernels/integer_dots.h"

#include "model/kernels/highway_config.h"
#include "model/kernels/int4_dot_panels.h"
#include "model/kernels/integer_panels.h"
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

void RoundToInt8(ConstMatF x, IndexRange tiles, const RoundedRows& out) {
  RoundTiles<Int8Inputs>(x, tiles, out);
}

void RoundToInt16(ConstMatF x, IndexRange tiles, const RoundedRows& out) {
  RoundTiles<Int16Inputs>(x, tiles, out);
}

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

// The same of a panel of 16-bit numbers.
HWY_INLINE FloatVector Int16Weights(const std::byte* panel, std::size_t row, std::size_t column) {
  const FloatTag d;
  const hn::RebindToSigned<FloatTag> integers;
  const std::size_t in_word = row % kWordDotInputs;
  const auto* words = reinterpret_cast<const std::int32_t*>(
      panel + Int16DotOrder::Index(row - in_word, column) * sizeof(Int16DotOrder::Stored));
  const auto upper =
      hn::ShiftLeftSame(hn::LoadU(integers, words), static_cast<int>(1 - in_word) * 16);
  return hn::ConvertTo(d, hn::ShiftRight<16>(upper));
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

// The same for each row and panel of a tile.
void AddOutliersOfTile(const RoundedRows& x, const PackedMatrix& w, const OutputTile& tile,
                       float* chains) {
  for (std::size_t r = 0; r < tile.rows; ++r) {
    const std::span<const Outlier> outliers = x.OutliersOf(tile.row + r);
    if (outliers.empty()) continue;
    for (std::size_t p = 0; p < tile.panels; ++p) {
      const std::byte* panel = w.Panel(tile.panel + p);
      float* of_panel = chains + r * tile.Columns() + p * kPanelColumns;
      if (w.type() == WeightType::kInt4) {
        AddOutliers(outliers, panel, &Int4Weights, of_panel);
      } else if (w.type() == WeightType::kInt8) {
        AddOutliers(outliers, panel, &Int8Weights, of_panel);
      } else {
        AddOutliers(outliers, panel, &Int16Weights, of_panel);
      }
    }
  }
}

// Adds the outliers to chains, [rows][panels * 16], that have all groups, and takes them to the
// output.
void FinishDots(const RoundedRows& x, const PackedMatrix& w, const Epilogue& epilogue,
                const OutputTile& tile, float* chains, MatF out) {
  AddOutliersOfTile(x, w, tile, chains);
  ScaleTile(
      epilogue.bias, tile, [&](std::size_t p) { return DotScales(w, p); }, chains);
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

HWY_EXPORT(RoundToInt8);
HWY_EXPORT(RoundToInt16);
HWY_EXPORT(UnpackInt4);
HWY_EXPORT(FinishDots);
HWY_EXPORT(PrefetchTile);

namespace {

// How far ahead of the multiplication the weights of a few rows are prefetched, in bytes of all
// panels of a pass: as the float chains do.
constexpr std::size_t kPrefetchBytes = 8192;

// The K block: so many bytes of weights stay in the first-level cache while the row tiles of an M
// block pass by.
constexpr std::size_t kKBlockBytes = 16384;
constexpr std::size_t kMaxKBlockGroups = 8;  // of inputs

// The input of an M block takes half of a second-level cache of 2 MiB at most.
constexpr std::size_t kMBlockBytes = std::size_t{1} << 20;
constexpr std::size_t kMaxMBlockRows = 240;
constexpr std::size_t kMinMBlockRows = 48;

// Ranges of panels are cut only where every pass ends: a pass has 1, 2 or 4 panels.
constexpr std::size_t kGrainPanels = 4;

bool IsWords(const PackedMatrix& w) { return w.precision().activations == ActivationType::kInt16; }

struct IntegerDotsJob {
  const IntegerUnit& unit;
  const DotTiles& tiles;  // of the unit
  const RoundedRows& x;
  const PackedMatrix& w;
  const Epilogue& epilogue;
  MatF out;

  bool IsInt4() const { return w.type() == WeightType::kInt4; }
  // A step takes fewer inputs of more bits, so that all steps have as many bytes.
  std::size_t GroupSteps() const { return IsWords(w) ? kWordDotGroupSteps : kDotGroupSteps; }
  std::size_t Steps() const {
    const std::size_t inputs = kDotGroup / GroupSteps();
    return (w.n_in() + inputs - 1) / inputs;
  }
  // Of a row; of a panel, for a tile; of a panel in memory.
  std::size_t GroupInputBytes() const { return GroupSteps() * kDotStepInputBytes; }
  std::size_t GroupBytes() const { return GroupSteps() * kDotStepWeightBytes; }
  std::size_t StoredGroupBytes() const { return IsInt4() ? kInt4DotGroupBytes : GroupBytes(); }
  std::size_t KBlockGroups(std::size_t panels) const {
    return std::min(kKBlockBytes / GroupBytes() / panels, kMaxKBlockGroups);
  }
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
    (stored + p * job.w.panel_bytes(), count, room + p * count * job.GroupBytes());
  }
  return {room, count * job.GroupBytes()};
}

// The operands for the groups from `group` on of a tile, `steps` steps, whose weights are `w`;
// without what is prefetched.
DotOperands OperandsFor(const IntegerDotsJob& job, const RowTile& rows, std::size_t group,
                        std::size_t steps, const DotWeights& w, float* chains) {
  const std::size_t at = job.x.Begin(rows, group);
  return {.x = job.x.values + at * job.GroupInputBytes(),
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

// They lie behind what tiles read and prefetch.
void PrefetchScales(const PackedMatrix& w, std::size_t panel, std::size_t panels) {
  for (std::size_t p = panel; p < panel + panels; ++p) __builtin_prefetch(DotScales(w, p));
}

// One tile of rows times `per_pass` panels in each pass: each weight is read from memory once.
void MultiplyFewRows(const IntegerDotsJob& job, std::size_t per_pass, IndexRange panels) {
  const RowTile rows = job.x.tiles.Tile(0);
  const DotFunction multiply =
      (job.IsInt4() ? job.unit.int4_tile : job.tiles.tile)(rows.rows, per_pass);
  alignas(64) float chains[kMaxDotRows * kMaxTilePanels * kPanelColumns];
  // The first call prefetches further steps of the same panels. The last ones have none after them:
  // the second call prefetches the beginning of the next pass meanwhile.
  const std::size_t steps = job.Steps();
  const std::size_t stride = job.w.panel_bytes();
  const std::size_t group_bytes = job.StoredGroupBytes();
  const std::size_t step_bytes = group_bytes / job.GroupSteps();
  const std::size_t groups_ahead = kPrefetchBytes / per_pass / group_bytes;
  const std::size_t first_groups = job.x.groups - std::min(job.x.groups, groups_ahead);
  for (std::size_t p = panels.begin; p < panels.end; p += per_pass) {
    const OutputTile tile{.row = 0, .rows = rows.rows, .panel = p, .panels = per_pass};
    const std::size_t first_steps = first_groups * job.GroupSteps();
    PrefetchScales(job.w, p, per_pass);
    DotWeights w{job.w.Panel(p), stride};
    DotOperands operands = OperandsFor(job, rows, 0, first_steps, w, chains);
    operands.prefetch = {w.first + groups_ahead * group_bytes, stride, step_bytes};
    if (first_steps > 0) multiply(operands);
    w.first += first_groups * group_bytes;
    operands = OperandsFor(job, rows, first_groups, steps - first_steps, w, chains);
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
  const std::size_t stride = job.w.panel_bytes();
  const std::size_t stored_bytes = job.StoredGroupBytes();
  // The tiles share the prefetching of the next K block evenly.
  const std::size_t prefetch_step = stored_bytes / job.GroupSteps() / (tiles.end - tiles.begin) + 1;
  const std::size_t block_groups = job.KBlockGroups(panels);
  PrefetchScales(job.w, panel, panels);
  for (std::size_t g = 0; g < job.x.groups; g += block_groups) {
    const IndexRange groups{g, std::min(g + block_groups, job.x.groups)};
    const bool last = groups.end == job.x.groups;
    const std::size_t steps =
        (last ? job.Steps() : groups.end * job.GroupSteps()) - g * job.GroupSteps();
    const DotWeights w = WeightsOf(job, panel, panels, groups, room);
    const std::byte* next =
        job.w.Panel(panel) + (last ? panels * stride : groups.end * stored_bytes);
    float* tile_chains = chains;
    for (std::size_t t = tiles.begin; t < tiles.end; ++t) {
      const RowTile rows = job.x.tiles.Tile(t);
      const OutputTile tile{.row = rows.row, .rows = rows.rows, .panel = panel, .panels = panels};
      DotOperands operands = OperandsFor(job, rows, g, steps, w, tile_chains);
      operands.prefetch = {next + (t - tiles.begin) * steps * prefetch_step, stride, prefetch_step};
      if (last) HWY_DYNAMIC_DISPATCH(PrefetchTile)(job.out, tile);
      job.tiles.tile(tile.rows, panels)(operands);
      if (last) Finish(job, tile, tile_chains);
      tile_chains += tile.rows * tile.Columns();
    }
  }
}

void MultiplyManyRows(const IntegerDotsJob& job, std::size_t per_pass, IndexRange panels) {
  const std::size_t row_bytes = job.x.groups * job.GroupInputBytes();
  const std::size_t rows = std::clamp(kMBlockBytes / row_bytes, kMinMBlockRows, kMaxMBlockRows);
  const std::size_t most_tiles = rows / job.tiles.many_rows;
  // As evenly as possible: a small last block would read every weight for few rows.
  const std::size_t blocks = (job.x.tiles.count + most_tiles - 1) / most_tiles;
  const std::size_t block_tiles = (job.x.tiles.count + blocks - 1) / blocks;
  for (std::size_t t = 0; t < job.x.tiles.count; t += block_tiles) {
    const IndexRange block{t, std::min(t + block_tiles, job.x.tiles.count)};
    std::size_t p = panels.begin;
    for (; p + per_pass <= panels.end; p += per_pass) MultiplyBlock(job, block, p, per_pass);
    for (; p < panels.end; ++p) MultiplyBlock(job, block, p, 1);
  }
}

void MultiplyPanels(const IntegerDotsJob& job, IndexRange panels) {
  const IntegerUnitScope scope(job.unit);
  if (job.x.tiles.count > 1) return MultiplyManyRows(job, job.tiles.many_panels, panels);
  const std::size_t rows = job.x.tiles.rows;
  const std::size_t per_pass = job.IsInt4() ? job.unit.int4_panels(rows) : job.tiles.panels(rows);
  // int4 weights of more rows are unpacked, for a K block at a time.
  if (per_pass == 0) return MultiplyManyRows(job, job.tiles.panels(rows), panels);
  const std::size_t whole = panels.begin + (panels.end - panels.begin) / per_pass * per_pass;
  MultiplyFewRows(job, per_pass, {panels.begin, whole});
  MultiplyFewRows(job, 1, {whole, panels.end});
}

template <typename T>
T* Room(AlignedBuffer<T>& buffer, std::size_t size) {
  if (buffer.size() < size) buffer = AlignedBuffer<T>(size);
  return buffer.data();
}

// Rounded for products with `w`, cut for `tiles`.
RoundedRows Round(ConstMatF x, const PackedMatrix& w, const DotTiles& tiles, Executor& executor,
                  MatMulScratch& scratch) {
  const std::size_t groups = DotGroups(x.cols());
  const std::size_t tile_rows = x.rows() > tiles.max_rows ? tiles.many_rows : tiles.max_rows;
  const std::size_t readable = x.rows() * groups + kMaxDotRows;
  const std::size_t value_bytes =
      IsWords(w) ? sizeof(Int16Inputs::Value) : sizeof(Int8Inputs::Value);
  const RoundedRows rows{.values = Room(scratch.rounded_rows, readable * kDotGroup * value_bytes),
                         .scales = Room(scratch.row_scales, x.rows() * groups),
                         .offsets = Room(scratch.row_offsets, x.rows() * groups),
                         .outliers = Room(scratch.outliers, x.rows() * groups * kMaxOutliers),
                         .outlier_counts = Room(scratch.outlier_counts, x.rows()),
                         .groups = groups,
                         .tiles = RowTiles(x.rows(), tile_rows)};
  const auto round = [&](IndexRange cut) {
    if (IsWords(w)) {
      HWY_DYNAMIC_DISPATCH(RoundToInt16)(x, cut, rows);
    } else {
      HWY_DYNAMIC_DISPATCH(RoundToInt8)(x, cut, rows);
    }
  };
  if (rows.tiles.count == 1) {  // rounded sooner than another thread would wake up
    round({0, 1});
  } else {
    executor.ForRanges(rows.tiles.count, 1, round);
  }
  return rows;
}

}  // namespace

void MultiplyIntegerDots(ConstMatF x, const PackedMatrix& w, const Epilogue& epilogue,
                         Executor& executor, MatMulScratch& scratch, MatF out) {
  const IntegerUnit& unit = IntegerUnitInUse();
  const DotTiles& tiles = IsWords(w) ? unit.words : unit.bytes;
  const RoundedRows rounded = Round(x, w, tiles, executor, scratch);
  const IntegerDotsJob job{
      .unit = unit, .tiles = tiles, .x = rounded, .w = w, .epilogue = epilogue, .out = out};
  executor.ForRanges(w.panels(), kGrainPanels,
                     [&](IndexRange panels) { MultiplyPanels(job, panels); });
}

}  // namespace cascade::model::kernels
#endif  // HWY_ONCE
