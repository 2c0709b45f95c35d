// SPDX-License-Identifier: Apache-2.0

#include "model/kernels/aligned_buffer.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <new>
#include <utility>

#include "gtest/gtest.h"

namespace cascade::model::kernels {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;
constexpr std::size_t kHuge = 5 * kMiB + 3;  // beyond the limit for huge pages

std::uintptr_t Address(const void* p) { return reinterpret_cast<std::uintptr_t>(p); }

TEST(AlignedBufferTest, IsAlignedAndZeroed) {
  for (const std::size_t size : {std::size_t{1}, std::size_t{1000}, kMiB / 2 - 1, kHuge}) {
    const AlignedBuffer<float> buffer(size);
    EXPECT_EQ(buffer.size(), size);
    EXPECT_EQ(Address(buffer.data()) % 64, 0u);
    EXPECT_TRUE(std::ranges::all_of(buffer.span(), [](float v) { return v == 0; })) << size;
  }
}

TEST(AlignedBufferTest, LargeBuffersBeginOnAHugePage) {
  for (const std::size_t size : {kMiB * 3 / 2, 2 * kMiB, kHuge}) {
    const AlignedBuffer<std::byte> buffer(size);
    EXPECT_EQ(Address(buffer.data()) % (2 * kMiB), 0u);
  }
}

TEST(AlignedBufferTest, MovingLeavesNothingBehind) {
  for (const std::size_t size : {std::size_t{8}, kHuge}) {
    AlignedBuffer<float> from(size);
    from.data()[size - 1] = 3;
    AlignedBuffer<float> to(std::move(from));
    EXPECT_EQ(from.size(), 0u);  // NOLINT(bugprone-use-after-move,clang-analyzer-cplusplus.Move)
    EXPECT_EQ(from.data(), nullptr);
    EXPECT_EQ(to.span().back(), 3.0f);
    AlignedBuffer<float> assigned(2);
    assigned = std::move(to);
    EXPECT_EQ(to.size(), 0u);  // NOLINT(bugprone-use-after-move,clang-analyzer-cplusplus.Move)
    EXPECT_EQ(assigned.span().back(), 3.0f);
  }
}

TEST(AlignedBufferTest, TouchingChangesNothing) {
  for (const std::size_t size : {std::size_t{1}, std::size_t{9000}, kHuge}) {
    AlignedBuffer<std::byte> buffer(size);
    std::ranges::fill(buffer.span(), std::byte{7});
    TouchPages(buffer.data(), size);
    EXPECT_TRUE(std::ranges::all_of(buffer.span(), [](std::byte b) { return b == std::byte{7}; }));
  }
}

TEST(AlignedBufferTest, MoreThanThereIsIsBadAlloc) {
  constexpr std::size_t kMost = std::numeric_limits<std::size_t>::max();
  for (const std::size_t size : {kMost, kMost - kMiB, kMost / 2}) {
    EXPECT_THROW(AlignedBuffer<std::byte>{size}, std::bad_alloc);
  }
}

TEST(AlignedBufferTest, EmptyHoldsNothing) {
  const AlignedBuffer<float> buffer;
  EXPECT_EQ(buffer.size(), 0u);
  EXPECT_TRUE(buffer.span().empty());
}

}  // namespace
}  // namespace cascade::model::kernels
