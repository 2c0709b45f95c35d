// The one layout that every weight matrix has in memory.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "model/executor.h"
#include "model/kernels/aligned_buffer.h"
#include "model/kernels/element_types.h"
#include "model/kernels/panel.h"
#include "model/kernels/source_matrix.h"

namespace cascade::model::kernels {

// Grows with every change to what Pack writes: files of packed matrices are then made anew.
inline constexpr int kPackedLayoutVersion = 1;

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
