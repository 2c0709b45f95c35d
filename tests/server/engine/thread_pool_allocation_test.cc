// SPDX-License-Identifier: Apache-2.0
// A binary of its own: it replaces operator new, to count.
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <vector>

#include "gtest/gtest.h"
#include "server/engine/thread_pool.h"

namespace {

std::atomic<std::size_t> allocations = 0;

// Not inlined, lest the compiler see free() meet what it takes for the library's operator new.
[[gnu::noinline]] void Free(void* p) { std::free(p); }

}  // namespace

void* operator new(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* p = std::malloc(size == 0 ? 1 : size)) return p;
  throw std::bad_alloc();
}

void operator delete(void* p) noexcept { Free(p); }

void operator delete(void* p, std::size_t /*size*/) noexcept { Free(p); }

namespace cascade::server {
namespace {

TEST(ThreadPoolAllocationTest, ForRangesDoesNotAllocate) {
  ThreadPool pool(4);
  std::vector<float> out(4096);
  const std::size_t before = allocations.load();
  for (int round = 0; round < 100; ++round) {
    pool.ForRanges(out.size(), 16, [&](model::IndexRange range) {
      for (std::size_t i = range.begin; i < range.end; ++i) out[i] += 1.0F;
    });
  }
  EXPECT_EQ(allocations.load(), before);
  EXPECT_EQ(out[4095], 100.0F);
}

}  // namespace
}  // namespace cascade::server
