// The two ends of a chain: it starts at the bias, and when it is finished the epilogue takes it to
// the output. int8's chains are of whole numbers, start at zero, and meet scale and bias at the
// end.
#include <algorithm>

#include "model/kernels/activations-inl.h"
#include "model/kernels/element_types.h"
#include "model/kernels/matmul_job.h"
#include "model/kernels/matmul_tile-inl.h"
#include "model/kernels/panel.h"
#include "model/kernels/simd-inl.h"

#if defined(CASCADE_MODEL_KERNELS_MATMUL_EPILOGUE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CASCADE_MODEL_KERNELS_MATMUL_EPILOGUE_INL_H_
#undef CASCADE_MODEL_KERNELS_MATMUL_EPILOGUE_INL_H_
#else
#define CASCADE_MODEL_KERNELS_MATMUL_EPILOGUE_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace cascade::model::kernels {
namespace HWY_NAMESPACE {

// Writes the bias, or zeros if there is none, to out[panels * 16].
inline void CopyBias(const MatMulJob& job, const OutputTile& tile, float* out) {
  std::fill_n(out, tile.Columns(), 0.0f);
  const std::span<const float> bias = job.epilogue.bias;
  if (bias.empty()) return;
  const std::size_t count = std::min(tile.Columns(), bias.size() - tile.FirstColumn());
  std::copy_n(&bias[tile.FirstColumn()], count, out);
}

// Writes where the chains of every row start to start[panels * 16]: at the bias, or at zero if they
// are still to be scaled.
inline void StartChains(const MatMulJob& job, const OutputTile& tile, float* start) {
  if (job.w.type() == WeightType::kInt8) {
    std::fill_n(start, tile.Columns(), 0.0f);
  } else {
    CopyBias(job, tile, start);
  }
}

// int8: chains[r, c] = fma(chains[r, c], scale[c], bias[c]).
inline void ScaleChains(const MatMulJob& job, const OutputTile& tile, float* chains) {
  const FloatTag d;
  HWY_ALIGN float bias[kMaxPanels * kPanelColumns];
  CopyBias(job, tile, bias);
  for (std::size_t p = 0; p < tile.panels; ++p) {
    const float* scales = job.w.Scales(tile.panel + p);
    for (std::size_t c = 0; c < kPanelColumns; c += kLanes) {
      const FloatVector scale = hn::Load(d, scales + c);
      const FloatVector start = hn::Load(d, bias + p * kPanelColumns + c);
      for (std::size_t r = 0; r < tile.rows; ++r) {
        float* chain = chains + r * tile.Columns() + p * kPanelColumns + c;
        hn::Store(Fma(hn::Load(d, chain), scale, start), d, chain);
      }
    }
  }
}

// Asks for the lines of the output that the tile will write, so that they are there by then.
HWY_INLINE void PrefetchOutput(const MatMulJob& job, const OutputTile& tile) {
  constexpr std::size_t kLine = 16;
  const std::size_t end = std::min(tile.FirstColumn() + tile.Columns(), job.w.n_out());
  for (std::size_t r = tile.row; r < tile.row + tile.rows; ++r) {
    for (std::size_t c = tile.FirstColumn(); c < end; c += kLine) {
      __builtin_prefetch(job.out.data() + r * job.out.stride() + c, 1, 3);
    }
  }
}

template <Activation kActivation>
HWY_INLINE void FinishRow(const float* chains, std::span<const float> residual,
                          std::span<float> out) {
  const FloatTag d;
  const SingleTag one;
  std::size_t c = 0;
  for (; c + kLanes <= out.size(); c += kLanes) {
    FloatVector y = ActivationOf<kActivation>(hn::Load(d, chains + c));
    if (!residual.empty()) y = hn::Add(hn::LoadU(d, &residual[c]), y);
    hn::StoreU(y, d, &out[c]);
  }
  for (; c < out.size(); ++c) {
    auto y = ActivationOf<kActivation>(hn::LoadU(one, chains + c));
    if (!residual.empty()) y = hn::Add(hn::LoadU(one, &residual[c]), y);
    hn::StoreU(y, one, &out[c]);
  }
}

// Takes finished chains to the columns of the tile that exist.
template <Activation kActivation>
void FinishChains(const MatMulJob& job, const OutputTile& tile, const float* chains) {
  const std::size_t first = tile.FirstColumn();
  const std::size_t count = std::min(tile.Columns(), job.w.n_out() - first);
  const ConstMatF residual = job.epilogue.residual;
  for (std::size_t r = 0; r < tile.rows; ++r) {
    const std::size_t row = tile.row + r;
    FinishRow<kActivation>(
        chains + r * tile.Columns(),
        residual.rows() == 0 ? std::span<const float>() : residual.Row(row).subspan(first, count),
        job.out.Row(row).subspan(first, count));
  }
}

inline void FinishChains(const MatMulJob& job, const OutputTile& tile, float* chains) {
  if (job.w.type() == WeightType::kInt8) ScaleChains(job, tile, chains);
  switch (job.epilogue.activation) {
    case Activation::kNone:
      return FinishChains<Activation::kNone>(job, tile, chains);
    case Activation::kGeluNew:
      return FinishChains<Activation::kGeluNew>(job, tile, chains);
    case Activation::kGelu:
      return FinishChains<Activation::kGelu>(job, tile, chains);
    case Activation::kRelu:
      return FinishChains<Activation::kRelu>(job, tile, chains);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace cascade::model::kernels
HWY_AFTER_NAMESPACE();
#endif
