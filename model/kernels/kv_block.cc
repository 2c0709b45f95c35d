// SPDX-License-Identifier: Apache-2.0

#include "model/kernels/kv_block.h"

#include <algorithm>
#include <cassert>

#include "model/kernels/float_rows.h"

namespace cascade::model::kernels {
namespace {

// Elements of a key that are transposed together. A key is a column of its block: written element
// by element, each position would touch every cache line of the block. So the keys of several
// positions are transposed on the stack first, and then written as short runs of a row.
constexpr std::size_t kTransposed = 16;

// Writes elements of one row from element `index` on.
template <typename Rows>
void StoreRow(std::span<const float> values, std::size_t index, std::byte* block) {
  auto* out = reinterpret_cast<typename Rows::Bits*>(block) + index;
  for (std::size_t i = 0; i < values.size(); ++i) {
    out[i * Rows::kColumnStep] = Rows::Round(values[i]);
  }
}

}  // namespace

std::size_t KeyBytes(KvType type, std::size_t head_dim) {
  return WithRows(type,
                  [&]<typename Rows>(Rows) { return RowsBytes<Rows>(head_dim, kBlockPositions); });
}

std::size_t ValueBytes(KvType type, std::size_t head_dim) {
  return WithRows(type,
                  [&]<typename Rows>(Rows) { return RowsBytes<Rows>(kBlockPositions, head_dim); });
}

void WriteKeys(KvType type, ConstMatF keys, std::size_t slot, std::byte* block) {
  assert(slot + keys.rows() <= kBlockPositions);
  WithRows(type, [&]<typename Rows>(Rows) {
    for (std::size_t d = 0; d < keys.cols(); d += kTransposed) {
      const std::size_t columns = std::min(kTransposed, keys.cols() - d);
      float transposed[kTransposed][kBlockPositions];
      for (std::size_t r = 0; r < keys.rows(); ++r) {
        const float* key = keys.Row(r).data() + d;
        for (std::size_t c = 0; c < columns; ++c) transposed[c][r] = key[c];
      }
      for (std::size_t c = 0; c < columns; ++c) {
        StoreRow<Rows>({transposed[c], keys.rows()}, Rows::Index(d + c, slot, kBlockPositions),
                       block);
      }
    }
  });
}

void WriteValues(KvType type, ConstMatF values, std::size_t slot, std::byte* block) {
  assert(slot + values.rows() <= kBlockPositions);
  WithRows(type, [&]<typename Rows>(Rows) {
    for (std::size_t r = 0; r < values.rows(); ++r) {
      StoreRow<Rows>(values.Row(r), Rows::Index(slot + r, 0, values.cols()), block);
    }
  });
}

void ReadKey(KvType type, const std::byte* block, std::size_t slot, std::span<float> key) {
  WithRows(type, [&]<typename Rows>(Rows) {
    for (std::size_t d = 0; d < key.size(); ++d) {
      key[d] = ReadElement<Rows>(block, Rows::Index(d, slot, kBlockPositions));
    }
  });
}

void ReadValue(KvType type, const std::byte* block, std::size_t slot, std::span<float> value) {
  WithRows(type, [&]<typename Rows>(Rows) {
    for (std::size_t d = 0; d < value.size(); ++d) {
      value[d] = ReadElement<Rows>(block, Rows::Index(slot, d, value.size()));
    }
  });
}

}  // namespace cascade::model::kernels
