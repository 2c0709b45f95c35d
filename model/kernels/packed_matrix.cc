#include "model/kernels/packed_matrix.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "model/kernels/float_bits.h"
#include "model/kernels/int4_panels.h"
#include "model/kernels/int8_panels.h"
#include "model/kernels/source_tile.h"

namespace cascade::model::kernels {
namespace {

// Neighbouring panels packed together, so that a row of an [n_in, n_out] source is read in long
// pieces.
constexpr std::size_t kGroupPanels = 16;

template <typename T>
T ReadAs(const std::byte* p) {
  T value;
  std::memcpy(&value, p, sizeof(T));
  return value;
}

template <typename Convert>
void Round(const SourceTile& tile, Convert convert, SourceBits& bits) {
  for (std::size_t r = 0; r < kPackRows; ++r) {
    for (std::size_t c = 0; c < kPanelColumns; ++c) bits[r][c] = convert(tile[r][c]);
  }
}

// Reads a tile as `type`, which has 16 bits: as it is, if the source has that type too.
void ReadRounded(const SourceMatrix& source, const SourceTilePosition& at, WeightType type,
                 SourceBits& bits) {
  if (source.type == type) return ReadBits(source, at, bits);
  SourceTile tile;
  ReadTile(source, at, tile);
  if (type == WeightType::kBf16) {
    Round(tile, Bf16FromFloat, bits);
  } else {
    Round(tile, F16FromFloat, bits);
  }
}

// Writes the first `rows` rows in pairs, an odd last one with zeros.
void WritePairs(const SourceBits& bits, std::size_t rows, std::byte* out) {
  std::array<std::uint32_t, kPanelColumns> pair;
  for (std::size_t r = 0; r < rows; r += 2, out += sizeof(pair)) {
    for (std::size_t c = 0; c < kPanelColumns; ++c) {
      pair[c] = bits[r][c] | std::uint32_t{bits[r + 1][c]} << 16;
    }
    std::memcpy(out, pair.data(), sizeof(pair));
  }
}

// Packs a tile of floats to `out`, where the panel's row of that number begins.
void PackTile(const SourceMatrix& source, const SourceTilePosition& at, WeightType type,
              std::byte* out) {
  if (type == WeightType::kF32) {
    SourceTile tile;
    ReadTile(source, at, tile);
    std::memcpy(out, tile.data(), at.rows * sizeof(tile[0]));
    return;
  }
  SourceBits bits;
  ReadRounded(source, at, type, bits);
  if (type == WeightType::kBf16) {
    WritePairs(bits, at.rows, out);
  } else {
    std::memcpy(out, bits.data(), at.rows * sizeof(bits[0]));
  }
}

std::size_t PanelBytes(std::size_t n_in, WeightType type) {
  if (type == WeightType::kInt8) return Int8PanelBytes(n_in);
  if (type == WeightType::kInt4) return Int4PanelBytes(n_in);
  const std::size_t rows = type == WeightType::kBf16 ? n_in + n_in % 2 : n_in;
  return rows * kPanelColumns * BytesPerWeight(type);
}

// Packs the panels [begin, end), at most kGroupPanels, to `out`, the first one's place.
void PackGroup(const SourceMatrix& source, WeightType type, IndexRange panels, std::byte* out) {
  if (type == WeightType::kInt8) return PackInt8Panels(source, panels, out);
  if (type == WeightType::kInt4) return PackInt4Panels(source, panels, out);
  const std::size_t row_bytes = kPanelColumns * BytesPerWeight(type);
  const std::size_t panel_bytes = PanelBytes(source.n_in, type);
  for (std::size_t row = 0; row < source.n_in; row += kPackRows) {
    for (std::size_t p = panels.begin; p < panels.end; ++p) {
      PackTile(source, TileAt(source, row, p), type,
               out + (p - panels.begin) * panel_bytes + row * row_bytes);
    }
  }
}

}  // namespace

PackedMatrix PackedMatrix::Pack(const SourceMatrix& source, WeightType type, Executor& executor) {
  assert(source.bytes.size() == source.n_in * source.n_out * BytesPerWeight(source.type));
  PackedMatrix packed;
  packed.n_in_ = source.n_in;
  packed.n_out_ = source.n_out;
  packed.type_ = type;
  packed.panel_bytes_ = PanelBytes(source.n_in, type);
  packed.owned_ = AlignedBuffer<std::byte>(packed.panels() * packed.panel_bytes_);
  packed.contents_ = packed.owned_.span();
  std::byte* out = packed.owned_.data();
  executor.ForRanges(packed.panels(), kGroupPanels, [&](IndexRange range) {
    for (std::size_t p = range.begin; p < range.end; p += kGroupPanels) {
      PackGroup(source, type, {p, std::min(p + kGroupPanels, range.end)},
                out + p * packed.panel_bytes_);
    }
  });
  return packed;
}

PackedMatrix PackedMatrix::Borrow(std::size_t n_in, std::size_t n_out, WeightType type,
                                  std::span<const std::byte> contents) {
  assert(contents.size() == BytesFor(n_in, n_out, type));
  assert(reinterpret_cast<std::uintptr_t>(contents.data()) % 64 == 0);
  PackedMatrix packed;
  packed.n_in_ = n_in;
  packed.n_out_ = n_out;
  packed.type_ = type;
  packed.panel_bytes_ = PanelBytes(n_in, type);
  packed.contents_ = contents;
  return packed;
}

std::size_t PackedMatrix::BytesFor(std::size_t n_in, std::size_t n_out, WeightType type) {
  return (n_out + kPanelColumns - 1) / kPanelColumns * PanelBytes(n_in, type);
}

const float* PackedMatrix::Scales(std::size_t p) const {
  assert(type_ == WeightType::kInt8);
  return Int8Scales(Panel(p), n_in_);
}

std::optional<std::size_t> PackedMatrix::FindNonFiniteScale() const {
  if (type_ != WeightType::kInt8 && type_ != WeightType::kInt4) return std::nullopt;
  for (std::size_t column = 0; column < n_out_; ++column) {
    const std::byte* panel = Panel(column / kPanelColumns);
    const std::size_t c = column % kPanelColumns;
    const bool finite = type_ == WeightType::kInt8 ? std::isfinite(Int8Scales(panel, n_in_)[c])
                                                   : Int4ColumnIsFinite(panel, c, n_in_);
    if (!finite) return column;
  }
  return std::nullopt;
}

void PackedMatrix::CopyColumn(std::size_t column, std::span<float> out) const {
  assert(column < n_out_ && out.size() == n_in_);
  const std::byte* panel = Panel(column / kPanelColumns);
  const std::size_t c = column % kPanelColumns;
  switch (type_) {
    case WeightType::kF32:
      for (std::size_t k = 0; k < n_in_; ++k) {
        out[k] = ReadAs<float>(panel + 4 * (k * kPanelColumns + c));
      }
      break;
    case WeightType::kBf16:
      for (std::size_t k = 0; k < n_in_; ++k) {
        const std::size_t index = (k / 2 * kPanelColumns + c) * 2 + k % 2;
        out[k] = FloatFromBf16(ReadAs<std::uint16_t>(panel + 2 * index));
      }
      break;
    case WeightType::kF16:
      for (std::size_t k = 0; k < n_in_; ++k) {
        out[k] = FloatFromF16(ReadAs<std::uint16_t>(panel + 2 * (k * kPanelColumns + c)));
      }
      break;
    case WeightType::kInt8:
      CopyInt8Column(panel, c, out);
      break;
    case WeightType::kInt4:
      CopyInt4Column(panel, c, out);
      break;
  }
}

}  // namespace cascade::model::kernels
