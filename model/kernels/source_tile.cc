#include "model/kernels/source_tile.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstdint>
#include <cstring>

#include "model/kernels/float_bits.h"

namespace cascade::model::kernels {
namespace {

static_assert(std::endian::native == std::endian::little, "weight files are little-endian");

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
    case WeightType::kInt8:
    case WeightType::kInt4:
      assert(false && "weight files hold floats");
      break;
  }
}

}  // namespace

TilePosition TileAt(const SourceMatrix& source, std::size_t row, std::size_t panel) {
  const std::size_t column = panel * kPanelColumns;
  return {.row = row,
          .column = column,
          .rows = std::min(kTileRows, source.n_in - row),
          .columns = std::min(kPanelColumns, source.n_out - column)};
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

}  // namespace cascade::model::kernels
