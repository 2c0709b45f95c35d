// SPDX-License-Identifier: Apache-2.0
// Non-owning views of float tensors.
#pragma once

#include <cassert>
#include <cstddef>
#include <span>

namespace cascade::model {

// A row-major [rows, cols] window onto memory that someone else owns.
//
// Rows are contiguous; consecutive rows are `stride` elements apart, so one view can select the Q,
// K or V columns of a packed QKV buffer without copying. Copy it freely: it is a pointer and three
// integers. It never outlives its buffer; whoever hands a view out names the owner.
template <typename T>
class MatView {
 public:
  MatView() = default;
  MatView(T* data, std::size_t rows, std::size_t cols, std::size_t stride)
      : data_(data), rows_(rows), cols_(cols), stride_(stride) {
    assert(stride >= cols);
  }
  MatView(T* data, std::size_t rows, std::size_t cols) : MatView(data, rows, cols, cols) {}

  std::size_t rows() const { return rows_; }
  std::size_t cols() const { return cols_; }
  std::size_t stride() const { return stride_; }
  T* data() const { return data_; }

  std::span<T> Row(std::size_t r) const {
    assert(r < rows_);
    return {data_ + r * stride_, cols_};
  }

  // Rows [first, first + count).
  MatView Rows(std::size_t first, std::size_t count) const {
    assert(first + count <= rows_);
    return {data_ + first * stride_, count, cols_, stride_};
  }

  // Columns [first, first + count) of every row.
  MatView Columns(std::size_t first, std::size_t count) const {
    assert(first + count <= cols_);
    return {data_ + first, rows_, count, stride_};
  }

  // A writable view may always be read.
  // NOLINTNEXTLINE(google-explicit-constructor): as span<T> to span<const T>
  operator MatView<const T>() const { return {data_, rows_, cols_, stride_}; }

 private:
  T* data_ = nullptr;
  std::size_t rows_ = 0;
  std::size_t cols_ = 0;
  std::size_t stride_ = 0;
};

using ConstMatF = MatView<const float>;
using MatF = MatView<float>;

}  // namespace cascade::model
