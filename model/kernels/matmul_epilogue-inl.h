// SPDX-License-Identifier: Apache-2.0
// What every kernel family does with a finished tile: scales, activation, residual, and the one
// write to the output.
#include <algorithm>
#include <span>

#include "model/kernels/activations-inl.h"
#include "model/kernels/matmul.h"
#include "model/kernels/output_tile.h"
#include "model/kernels/simd-inl.h"
#include "model/mat_view.h"

#if defined(CASCADE_MODEL_KERNELS_MATMUL_EPILOGUE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CASCADE_MODEL_KERNELS_MATMUL_EPILOGUE_INL_H_
#undef CASCADE_MODEL_KERNELS_MATMUL_EPILOGUE_INL_H_
#else
#define CASCADE_MODEL_KERNELS_MATMUL_EPILOGUE_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace cascade::model::kernels {
namespace HWY_NAMESPACE {

// Writes the bias of the tile's columns, or zeros if there is none, to out[panels * 16].
inline void CopyBias(std::span<const float> bias, const OutputTile& tile, float* out) {
  std::fill_n(out, tile.Columns(), 0.0f);
  if (bias.empty()) return;
  const std::size_t count = std::min(tile.Columns(), bias.size() - tile.FirstColumn());
  std::copy_n(&bias[tile.FirstColumn()], count, out);
}

// sums[r, c] = fma(sums[r, c], scale[c], bias[c]), for a tile whose weights are whole numbers with
// one scale a column; scales_of(p) finds the 16 scales of panel p.
template <typename ScalesOf>
void ScaleTile(std::span<const float> bias, const OutputTile& tile, const ScalesOf& scales_of,
               float* sums) {
  const FloatTag d;
  HWY_ALIGN float room[kMaxTilePanels * kPanelColumns];
  const float* start = room;
  if (tile.FirstColumn() + tile.Columns() <= bias.size()) {
    start = &bias[tile.FirstColumn()];
  } else {
    CopyBias(bias, tile, room);
  }
  for (std::size_t p = 0; p < tile.panels; ++p) {
    const float* scales = scales_of(tile.panel + p);
    for (std::size_t c = 0; c < kPanelColumns; c += kLanes) {
      const FloatVector scale = hn::Load(d, scales + c);
      const FloatVector first = hn::LoadU(d, start + p * kPanelColumns + c);
      for (std::size_t r = 0; r < tile.rows; ++r) {
        float* sum = sums + r * tile.Columns() + p * kPanelColumns + c;
        hn::Store(Fma(hn::Load(d, sum), scale, first), d, sum);
      }
    }
  }
}

// Asks for the lines of the output that the tile will write, so that the stores find them in the
// cache: they belong to rows that lie far apart, which no hardware prefetcher follows.
HWY_INLINE void PrefetchOutput(MatF out, const OutputTile& tile) {
  constexpr std::size_t kLine = 16;
  const std::size_t end = std::min(tile.FirstColumn() + tile.Columns(), out.cols());
  for (std::size_t r = tile.row; r < tile.row + tile.rows; ++r) {
    for (std::size_t c = tile.FirstColumn(); c < end; c += kLine) {
      __builtin_prefetch(out.data() + r * out.stride() + c, 1, 3);
    }
  }
}

// out = residual + activation(sums), the last columns one by one: the same operations on a single
// lane, so the same bits.
template <Activation kActivation>
HWY_INLINE void FinishRow(const float* sums, std::span<const float> residual,
                          std::span<float> out) {
  const FloatTag d;
  const SingleTag one;
  std::size_t c = 0;
  for (; c + kLanes <= out.size(); c += kLanes) {
    FloatVector y = ActivationOf<kActivation>(hn::Load(d, sums + c));
    if (!residual.empty()) y = hn::Add(hn::LoadU(d, &residual[c]), y);
    hn::StoreU(y, d, &out[c]);
  }
  for (; c < out.size(); ++c) {
    auto y = ActivationOf<kActivation>(hn::LoadU(one, sums + c));
    if (!residual.empty()) y = hn::Add(hn::LoadU(one, &residual[c]), y);
    hn::StoreU(y, one, &out[c]);
  }
}

// Takes the sums of a tile, [rows][panels * 16], to those of its columns that exist.
template <Activation kActivation>
void FinishTile(const Epilogue& epilogue, const OutputTile& tile, const float* sums, MatF out) {
  const std::size_t first = tile.FirstColumn();
  const std::size_t count = std::min(tile.Columns(), out.cols() - first);
  const ConstMatF residual = epilogue.residual;
  for (std::size_t r = 0; r < tile.rows; ++r) {
    const std::size_t row = tile.row + r;
    FinishRow<kActivation>(
        sums + r * tile.Columns(),
        residual.rows() == 0 ? std::span<const float>() : residual.Row(row).subspan(first, count),
        out.Row(row).subspan(first, count));
  }
}

inline void ApplyEpilogue(const Epilogue& epilogue, const OutputTile& tile, const float* sums,
                          MatF out) {
  switch (epilogue.activation) {
    case Activation::kNone:
      return FinishTile<Activation::kNone>(epilogue, tile, sums, out);
    case Activation::kGeluNew:
      return FinishTile<Activation::kGeluNew>(epilogue, tile, sums, out);
    case Activation::kGelu:
      return FinishTile<Activation::kGelu>(epilogue, tile, sums, out);
    case Activation::kRelu:
      return FinishTile<Activation::kRelu>(epilogue, tile, sums, out);
    case Activation::kSilu:
      return FinishTile<Activation::kSilu>(epilogue, tile, sums, out);
    case Activation::kQuickGelu:
      return FinishTile<Activation::kQuickGelu>(epilogue, tile, sums, out);
    case Activation::kMish:
      return FinishTile<Activation::kMish>(epilogue, tile, sums, out);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace cascade::model::kernels
HWY_AFTER_NAMESPACE();
#endif
