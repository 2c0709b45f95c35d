// SPDX-License-Identifier: Apache-2.0
// The one layout that every weight matrix has in memory: panels of 16 output columns.
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

struct PanelFormat;

// Grows with every change to what Pack writes: files of packed matrices are then made anew.
inline constexpr int kPackedLayoutVersion = 1;

// An [n_in, n_out] matrix in panels: [ceil(n_out / 16)][n_in][16], columns beyond n_out zero.
//
// One panel holds 16 output columns and streams linearly for one row of input; for many rows it
// stays in the cache. The tied embedding is stored once: as the head it is multiplied with, as the
// embedding a token's row is column `token`, gathered with CopyColumn.
//
// How a panel of each precision lies in memory is the panel format's matter: float_panels.h,
// integer_panels.h, int4_panels.h and int4_dot_panels.h.
//
// Owns its memory, 64-byte aligned, unless that is borrowed. Immutable once made; const calls from
// any thread.
class PackedMatrix {
 public:
  PackedMatrix();  // 0 x 0, float32

  // Packs `source` for products of `precision`: floats are rounded to nearest, ties to even (a
  // wider type is exact); int8 and int4 as their headers say. REQUIRES: IsSupported(precision);
  // source.bytes.size() is n_in * n_out elements.
  static PackedMatrix Pack(const SourceMatrix& source, const Precision& precision,
                           Executor& executor);

  // The contents() of a matrix that was packed before, perhaps by another process: the same bytes
  // on every machine, for the layout version above. They must outlive this object. REQUIRES:
  // 64-byte aligned, of BytesFor bytes.
  static PackedMatrix Borrow(std::size_t n_in, std::size_t n_out, const Precision& precision,
                             std::span<const std::byte> contents);

  static std::size_t BytesFor(std::size_t n_in, std::size_t n_out, const Precision& precision);

  std::size_t n_in() const { return n_in_; }
  std::size_t n_out() const { return n_out_; }
  std::size_t panels() const { return PanelsFor(n_out_); }
  const PanelFormat& format() const { return *format_; }
  const Precision& precision() const;
  WeightType type() const;  // of the weights
  std::size_t bytes() const { return contents_.size(); }

  // All panels, one behind the other: what Borrow takes.
  std::span<const std::byte> contents() const { return contents_; }

  // Panel `p`, as its format lays it out.
  const std::byte* Panel(std::size_t p) const { return contents_.data() + p * panel_bytes_; }

  // From one panel to the next.
  std::size_t panel_bytes() const { return panel_bytes_; }

  // The first column with a NaN or an infinity among its weights, if the format cannot hold them;
  // nothing if all columns are finite or the format holds such weights as they are.
  std::optional<std::size_t> FindNonFiniteColumn() const;

  // Writes column `column` as floats to `out`, [n_in]; int8's and int4's are q * scale, rounded
  // once.
  void CopyColumn(std::size_t column, std::span<float> out) const;

 private:
  PackedMatrix(std::size_t n_in, std::size_t n_out, const Precision& precision);

  static std::size_t PanelsFor(std::size_t n_out) {
    return (n_out + kPanelColumns - 1) / kPanelColumns;
  }

  const PanelFormat* format_;
  std::size_t n_in_ = 0;
  std::size_t n_out_ = 0;
  std::size_t panel_bytes_ = 0;
  AlignedBuffer<std::byte> owned_;       // empty if borrowed
  std::span<const std::byte> contents_;  // of owned_, or somebody else's
};

}  // namespace cascade::model::kernels
