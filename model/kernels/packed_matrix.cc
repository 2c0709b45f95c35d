// SPDX-License-Identifier: Apache-2.0

#include "model/kernels/packed_matrix.h"

#include <algorithm>
#include <cassert>
#include <cstdint>

#include "model/kernels/panel_formats.h"

namespace cascade::model::kernels {
namespace {

// Neighboring panels packed together, so that a row of an [n_in, n_out] source is read in long
// runs.
constexpr std::size_t kGroupPanels = 16;

}  // namespace

PackedMatrix::PackedMatrix() : PackedMatrix(0, 0, WeightType::kF32) {}

PackedMatrix::PackedMatrix(std::size_t n_in, std::size_t n_out, const Precision& precision)
    : format_(&FormatOf(precision)),
      n_in_(n_in),
      n_out_(n_out),
      panel_bytes_(format_->panel_bytes(n_in)) {}

PackedMatrix PackedMatrix::Pack(const SourceMatrix& source, const Precision& precision,
                                Executor& executor) {
  assert(source.bytes.size() == source.n_in * source.n_out * BytesPerElement(source.type));
  PackedMatrix packed(source.n_in, source.n_out, precision);
  packed.owned_ = AlignedBuffer<std::byte>(packed.panels() * packed.panel_bytes_);
  packed.contents_ = packed.owned_.span();
  std::byte* out = packed.owned_.data();
  executor.ForRanges(packed.panels(), kGroupPanels, [&](IndexRange range) {
    for (std::size_t p = range.begin; p < range.end; p += kGroupPanels) {
      packed.format_->pack(source, {p, std::min(p + kGroupPanels, range.end)},
                           out + p * packed.panel_bytes_);
    }
  });
  return packed;
}

PackedMatrix PackedMatrix::Borrow(std::size_t n_in, std::size_t n_out, const Precision& precision,
                                  std::span<const std::byte> contents) {
  assert(contents.size() == BytesFor(n_in, n_out, precision));
  assert(reinterpret_cast<std::uintptr_t>(contents.data()) % 64 == 0);
  PackedMatrix packed(n_in, n_out, precision);
  packed.contents_ = contents;
  return packed;
}

std::size_t PackedMatrix::BytesFor(std::size_t n_in, std::size_t n_out,
                                   const Precision& precision) {
  return PanelsFor(n_out) * FormatOf(precision).panel_bytes(n_in);
}

const Precision& PackedMatrix::precision() const { return format_->precision; }

WeightType PackedMatrix::type() const { return format_->precision.weights; }

std::optional<std::size_t> PackedMatrix::FindNonFiniteColumn() const {
  if (format_->column_is_finite == nullptr) return std::nullopt;
  for (std::size_t column = 0; column < n_out_; ++column) {
    const std::byte* panel = Panel(column / kPanelColumns);
    if (!format_->column_is_finite(panel, column % kPanelColumns, n_in_)) return column;
  }
  return std::nullopt;
}

void PackedMatrix::CopyColumn(std::size_t column, std::span<float> out) const {
  assert(column < n_out_ && out.size() == n_in_);
  format_->copy_column(Panel(column / kPanelColumns), column % kPanelColumns, out);
}

}  // namespace cascade::model::kernels
