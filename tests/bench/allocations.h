// SPDX-License-Identifier: Apache-2.0
// How much memory the program has from the heap: counted where it is allocated, since what the
// system reports is rounded to pages and never shrinks. A program that links this is of one thread
// where it asks.
#pragma once

#include <cstddef>

namespace cascade::bench {

std::size_t AllocatedBytes();

// The most since the last call of BeginPeak.
void BeginPeak();
std::size_t PeakBytes();

}  // namespace cascade::bench
