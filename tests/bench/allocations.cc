// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/allocations.h"

#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<std::size_t> allocated = 0;
std::atomic<std::size_t> peak = 0;

void* Counted(void* memory) {
  if (memory == nullptr) std::abort();  // a benchmark has nothing better to do
  allocated += malloc_usable_size(memory);
  peak = std::max(peak.load(), allocated.load());
  return memory;
}

void Release(void* memory) {
  if (memory != nullptr) allocated -= malloc_usable_size(memory);
  std::free(memory);
}

}  // namespace

void* operator new(std::size_t size) { return Counted(std::malloc(size)); }
void* operator new(std::size_t size, std::align_val_t align) {
  const auto to = static_cast<std::size_t>(align);
  return Counted(std::aligned_alloc(to, (size + to - 1) / to * to));
}
void operator delete(void* memory) noexcept { Release(memory); }
void operator delete(void* memory, std::size_t) noexcept { Release(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { Release(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { Release(memory); }

namespace cascade::bench {

std::size_t AllocatedBytes() { return allocated; }
void BeginPeak() { peak = allocated.load(); }
std::size_t PeakBytes() { return peak; }

}  // namespace cascade::bench
