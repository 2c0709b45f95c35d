// SPDX-License-Identifier: Apache-2.0
// Memory for tensors: zeroed, aligned to cache lines, in huge pages where it is large.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>

namespace cascade::model::kernels {

// Returns zeroed memory, aligned to a cache line. From 1.5 MiB on it is aligned to 2 MiB and lies
// in huge pages, if Linux offers them (transparent_hugepage "always" or "madvise"): weights and
// cache are read in several streams at once, each of which needs an entry of the TLB. The system
// provides the pages of large memory only when they are first touched. Throws std::bad_alloc.
void* AllocateZeroed(std::size_t bytes);
// Frees what AllocateZeroed(bytes) returned.
void FreeZeroed(void* memory, std::size_t bytes) noexcept;

// Touches every page without changing its contents, so that a lack of memory shows at this call and
// not later. Several threads may touch parts of one buffer at once.
void TouchPages(void* memory, std::size_t bytes);

// A fixed number of trivial elements, aligned to a cache line and zeroed when made. Move-only.
template <typename T>
class AlignedBuffer {
  static_assert(std::is_trivial_v<T>);

 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(std::size_t size)
      : data_(static_cast<T*>(AllocateZeroed(size * sizeof(T))), Free{size * sizeof(T)}),
        size_(size) {}
  AlignedBuffer(AlignedBuffer&& other) noexcept
      : data_(std::move(other.data_)), size_(std::exchange(other.size_, 0)) {}
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    data_ = std::move(other.data_);
    size_ = std::exchange(other.size_, 0);
    return *this;
  }

  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  std::size_t size() const { return size_; }
  std::span<T> span() { return {data_.get(), size_}; }
  std::span<const T> span() const { return {data_.get(), size_}; }

 private:
  struct Free {
    std::size_t bytes = 0;
    void operator()(T* p) const { FreeZeroed(p, bytes); }
  };
  std::unique_ptr<T, Free> data_;
  std::size_t size_ = 0;
};

}  // namespace cascade::model::kernels
