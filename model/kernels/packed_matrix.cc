#include "model/kernels/packed_matrix.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cstring>

#include "model/kernels/float_bits.h"

namespace cascade::model::kernels {
namespace {

static_assert(std::endian::native == std::endian::little, "weight files are little-endian");

// Packing goes tile by tile: kTileRows rows of one panel, as floats. Even, since bf16 pairs rows.
constexpr std::size_t kTileRows = 16;
using Tile = std::array<std::array<float, kPanelColumns>, kTileRows>;

// Neighbouring panels packed together, so that a row of an [n_in, n_out] source is read in long
// pieces.
constexpr std::size_t kGroupPanels = 16;

struct TilePosition {
  std::size_t row = 0;
  std::size_t column = 0;
  std::size_t rows = 0;
  std::size_t columns = 0;
};

template <typename T>
T ReadAs(const std::byte* p) {
  T value;
  std::memcpy(&value, p, sizeof(T));
  return value;
}

// Widens `count` elements, `stride` floats apart in `out`.
void Widen(const std::byte* from, WeightType type, std::size_t count, float* out,
           std::size_t stride) {
  switch (type) {
    case WeightType::kF32:
      for (std::size_t i = 0; i < count; ++i) out[i * stride] = ReadAs<float>(from + 4 * i);
      break;
    case WeightType::kBf16:
      for (std::size_t i = 0; i < count; ++i) {
        out[i * stride] = FloatFromBf16(ReadAs<std::uint16_t>(from + 2 * i));
      }
      break;
    case WeightType::kF16:
      for (std::size_t i = 0; i < count; ++i) {
        out[i * stride] = FloatFromF16(ReadAs<std::uint16_t>(from + 2 * i));
      }
      break;
  }
}

void ReadTile(const SourceMatrix& source, const TilePosition& at, Tile& tile) {
  tile = {};
  const std::size_t bytes = BytesPerWeight(source.type);
  if (source.layout == SourceMatrix::Layout::kInOut) {
    for (std::size_t r = 0; r < at.rows; ++r) {
      const std::size_t first = (at.row + r) * source.n_out + at.column;
      Widen(&source.bytes[first * bytes], source.type, at.columns, tile[r].data(), 1);
    }
  } else {
    for (std::size_t c = 0; c < at.columns; ++c) {
      const std::size_t first = (at.column + c) * source.n_in + at.row;
      Widen(&source.bytes[first * bytes], source.type, at.rows, &tile[0][c], kPanelColumns);
    }
  }
}

// Writes the first `rows` rows of a tile to `out`, where the panel's row of that number begins.
void WriteTile(const Tile& tile, std::size_t rows, WeightType type, std::byte* out) {
  const auto store = [&](std::size_t index, std::uint16_t bits) {
    std::memcpy(out + 2 * index, &bits, sizeof(bits));
  };
  switch (type) {
    case WeightType::kF32:
      std::memcpy(out, tile.data(), rows * sizeof(tile[0]));
      break;
    case WeightType::kBf16:
      for (std::size_t r = 0; r < rows + rows % 2; ++r) {
        for (std::size_t c = 0; c < kPanelColumns; ++c) {
          store((r / 2 * kPanelColumns + c) * 2 + r % 2, Bf16FromFloat(tile[r][c]));
        }
      }
      break;
    case WeightType::kF16:
      for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t c = 0; c < kPanelColumns; ++c) {
          store(r * kPanelColumns + c, F16FromFloat(tile[r][c]));
        }
      }
      break;
  }
}

// Rows that a panel has room for.
std::size_t PanelRows(std::size_t n_in, WeightType type) {
  return type == WeightType::kBf16 ? n_in + n_in % 2 : n_in;
}

// Packs the panels [begin, end), at most kGroupPanels, to `out`, the first one's place.
void PackGroup(const SourceMatrix& source, WeightType type, IndexRange panels, std::byte* out) {
  const std::size_t row_bytes = kPanelColumns * BytesPerWeight(type);
  const std::size_t panel_bytes = PanelRows(source.n_in, type) * row_bytes;
  Tile tile;
  for (std::size_t row = 0; row < source.n_in; row += kTileRows) {
    for (std::size_t p = panels.begin; p < panels.end; ++p) {
      const std::size_t column = p * kPanelColumns;
      const TilePosition at{.row = row,
                            .column = column,
                            .rows = std::min(kTileRows, source.n_in - row),
                            .columns = std::min(kPanelColumns, source.n_out - column)};
      ReadTile(source, at, tile);
      WriteTile(tile, at.rows, type, out + (p - panels.begin) * panel_bytes + row * row_bytes);
    }
  }
}

}  // namespace

std::size_t BytesPerWeight(WeightType type) { return type == WeightType::kF32 ? 4 : 2; }

std::string_view Name(WeightType type) {
  switch (type) {
    case WeightType::kF32:
      return "f32";
    case WeightType::kBf16:
      return "bf16";
    case WeightType::kF16:
      return "f16";
  }
  return "";
}

PackedMatrix PackedMatrix::Pack(const SourceMatrix& source, WeightType type, Executor& executor) {
  assert(source.bytes.size() == source.n_in * source.n_out * BytesPerWeight(source.type));
  PackedMatrix packed;
  packed.n_in_ = source.n_in;
  packed.n_out_ = source.n_out;
  packed.type_ = type;
  packed.panel_bytes_ = PanelRows(source.n_in, type) * kPanelColumns * BytesPerWeight(type);
  packed.data_ = AlignedBuffer<std::byte>(packed.panels() * packed.panel_bytes_);
  std::byte* out = packed.data_.data();
  executor.ForRanges(packed.panels(), kGroupPanels, [&](IndexRange range) {
    for (std::size_t p = range.begin; p < range.end; p += kGroupPanels) {
      PackGroup(source, type, {p, std::min(p + kGroupPanels, range.end)},
                out + p * packed.panel_bytes_);
    }
  });
  return packed;
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
  }
}

}  // namespace cascade::model::kernels
