#include "model/kernels/aligned_buffer.h"

#ifdef __linux__
#include <sys/mman.h>
#endif

#include <cstring>
#include <new>

namespace cascade::model::kernels {
namespace {

constexpr std::align_val_t kCacheLine{64};
constexpr std::align_val_t kHugePage{std::size_t{2} << 20};

// Smaller buffers would waste too much of their last huge page.
constexpr std::size_t kHugeBytes = std::size_t{4} << 20;

std::align_val_t AlignmentFor(std::size_t bytes) {
  return bytes >= kHugeBytes ? kHugePage : kCacheLine;
}

}  // namespace

void* AllocateZeroed(std::size_t bytes) {
  void* memory = ::operator new(bytes, AlignmentFor(bytes));
#ifdef MADV_HUGEPAGE
  // Advice: where it cannot be taken, ordinary pages do.
  if (bytes >= kHugeBytes) (void)madvise(memory, bytes, MADV_HUGEPAGE);
#endif
  std::memset(memory, 0, bytes);
  return memory;
}

void FreeZeroed(void* memory, std::size_t bytes) noexcept {
  ::operator delete(memory, AlignmentFor(bytes));
}

}  // namespace cascade::model::kernels
