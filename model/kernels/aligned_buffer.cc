// SPDX-License-Identifier: Apache-2.0

#include "model/kernels/aligned_buffer.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <new>

namespace cascade::model::kernels {
namespace {

constexpr std::align_val_t kCacheLine{64};
constexpr std::size_t kHugePage = std::size_t{2} << 20;

// The most of a huge page that a buffer wastes to have it.
constexpr std::size_t kMostWasted = kHugePage / 4;

constexpr std::size_t kHugeBytes = kHugePage - kMostWasted;

std::size_t RoundUp(std::size_t bytes, std::size_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

std::size_t PageBytes() { return static_cast<std::size_t>(sysconf(_SC_PAGESIZE)); }

// The bytes that are mapped for a buffer. Its last part is ordinary pages if it is too small for a
// huge one.
std::size_t MappedBytes(std::size_t bytes) {
  const std::size_t last = bytes % kHugePage;
  return RoundUp(bytes, last >= kHugePage - kMostWasted ? kHugePage : PageBytes());
}

// Maps fresh pages, which read as zero. mmap aligns to ordinary pages only, so this maps one huge
// page more than needed and unmaps what lies before and after the aligned range.
std::byte* MapHuge(std::size_t bytes) {
  const std::size_t wanted = MappedBytes(bytes);
  if (wanted + kHugePage < bytes) throw std::bad_alloc();
  void* const mapped =
      mmap(nullptr, wanted + kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) throw std::bad_alloc();
  auto* const begin = static_cast<std::byte*>(mapped);
  const auto address = reinterpret_cast<std::uintptr_t>(mapped);
  const std::size_t before = RoundUp(address, kHugePage) - address;
  if (before > 0) munmap(begin, before);
  munmap(begin + before + wanted, kHugePage - before);
#ifdef MADV_HUGEPAGE
  // Only advice: if the system does not follow it, ordinary pages do as well, more slowly.
  (void)madvise(begin + before, wanted, MADV_HUGEPAGE);
#endif
  return begin + before;
}

}  // namespace

void* AllocateZeroed(std::size_t bytes) {
  if (bytes >= kHugeBytes) return MapHuge(bytes);
  void* memory = ::operator new(bytes, kCacheLine);
  std::memset(memory, 0, bytes);
  return memory;
}

void FreeZeroed(void* memory, std::size_t bytes) noexcept {
  if (bytes >= kHugeBytes) {
    munmap(memory, MappedBytes(bytes));
  } else {
    ::operator delete(memory, kCacheLine);
  }
}

void TouchPages(void* memory, std::size_t bytes) {
  volatile std::byte* const begin = static_cast<std::byte*>(memory);
  for (std::size_t i = 0; i < bytes; i += PageBytes()) begin[i] = begin[i];
}

}  // namespace cascade::model::kernels
