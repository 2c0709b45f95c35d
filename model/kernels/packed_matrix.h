// The one layout that every weight matrix has in memory.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "model/executor.h"
#include "model/kernels/aligned_buffer.h"

namespace cascade::model::kernels {

// How one weight is stored. Arithmetic is always float32; a weight is widened exactly as it is
// read. kInt8 has a scale for each output column, which its finished chains are multiplied with;
// kInt4 one for every 16 inputs of a column, part of the weight. Weight files have the others only.
enum class WeightType : std::uint8_t { kF32, kBf16, kF16, kInt8, kInt4 };

// All of them, for who offers or tests each.
inline constexpr std::array kWeightTypes = {WeightType::kF32, WeightType::kBf16, WeightType::kF16,
                                            WeightType::kInt8, WeightType::kInt4};

// Of a type that weight files have.
std::size_t BytesPerWeight(WeightType type);

std::string_view Name(WeightType type);  // "f32", "bf16", "f16", "int8", "int4"

// Columns of one panel: one cache line of floats, one AVX-512 register, two AVX2, four NEON.
inline constexpr std::size_t kPanelColumns = 16;

// Grows with every change to what Pack writes: files of packed matrices are then made anew.
inline constexpr int kPackedLayoutVersion = 1;

// A matrix as a weight file stores it, dense, not owned.
struct SourceMatrix {
  enum class Layout : std::uint8_t {
    kInOut,  // [n_in, n_out]: Hugging Face's Conv1D (c_attn, c_proj, c_fc)
    kOutIn,  // [n_out, n_in]: torch.nn.Embedding and torch.nn.Linear (wte, lm_head)
  };
  std::span<const std::byte> bytes;    // n_in * n_out elements, little-endian, any alignment
  WeightType type = WeightType::kF32;  // a float's
  Layout layout = Layout::kInOut;
  std::size_t n_in = 0;
  std::size_t n_out = 0;
};

// An [n_in, n_out] matrix in panels: [ceil(n_out / 16)][n_in][16], columns beyond n_out zero.
//
// One panel holds 16 output columns and streams linearly for one row of input; for many rows it
// stays in the cache. The tied embedding is stored once: as the head it is multiplied with, as the
// embedding a token's row is column `token`, gathered with CopyColumn.
//
// Owns its memory, 64-byte aligned, unless that is borrowed. Immutable once made; const calls from
// any thread.
class PackedMatrix {
 public:
  PackedMatrix() = default;

  // Packs `source`, rounding each element to `type` (to nearest, ties to even; a wider type is
  // exact), or to int8 and int4 as int8_panels.h and int4_panels.h have it. REQUIRES:
  // source.bytes.size() == n_in * n_out * BytesPerWeight(source.type).
  static PackedMatrix Pack(const SourceMatrix& source, WeightType type, Executor& executor);

  // The contents() of a matrix that was packed before, perhaps by another process: the same bytes
  // on every machine, for the layout version below. They must outlive this object. REQUIRES:
  // 64-byte aligned, of BytesFor bytes.
  static PackedMatrix Borrow(std::size_t n_in, std::size_t n_out, WeightType type,
                             std::span<const std::byte> contents);

  static std::size_t BytesFor(std::size_t n_in, std::size_t n_out, WeightType type);

  std::size_t n_in() const { return n_in_; }
  std::size_t n_out() const { return n_out_; }
  std::size_t panels() const { return (n_out_ + kPanelColumns - 1) / kPanelColumns; }
  WeightType type() const { return type_; }
  std::size_t bytes() const { return contents_.size(); }

  // All panels, one behind the other: what Borrow takes.
  std::span<const std::byte> contents() const { return contents_; }

  // Panel `p`: [n_in][16] elements of type(). In bf16 rows come in pairs, an odd last one paired
  // with zeros: 32-bit word c of pair j is w[2j, c] below w[2j + 1, c], which widens with one
  // operation. In int8 rows are padded to a multiple of four and the panel's scales follow them;
  // for int4 see int4_panels.h.
  const std::byte* Panel(std::size_t p) const { return contents_.data() + p * panel_bytes_; }

  // From one panel to the next.
  std::size_t panel_bytes() const { return panel_bytes_; }

  // The 16 scales of panel `p`, 64-byte aligned. REQUIRES: type() == kInt8.
  const float* Scales(std::size_t p) const;

  // The first column with a scale that is no finite number, since its weights were not all finite;
  // none for types without scales.
  std::optional<std::size_t> FindNonFiniteScale() const;

  // Writes column `column` as floats to `out`, [n_in]; int8's and int4's are q * scale, rounded
  // once.
  void CopyColumn(std::size_t column, std::span<float> out) const;

 private:
  std::size_t n_in_ = 0;
  std::size_t n_out_ = 0;
  std::size_t panel_bytes_ = 0;
  WeightType type_ = WeightType::kF32;
  AlignedBuffer<std::byte> owned_;       // empty if borrowed
  std::span<const std::byte> contents_;  // of owned_, or somebody else's
};

}  // namespace cascade::model::kernels
