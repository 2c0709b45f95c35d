// SPDX-License-Identifier: Apache-2.0
// How an inner loop asks to be unrolled. Private to this room.
#pragma once

// Unrolls the loop that follows, whose trip count is a small constant. An array of vectors that it
// walks then becomes a set of registers: an array that is indexed at run time would live in memory.
#ifdef __clang__
#define CASCADE_UNROLL _Pragma("clang loop unroll(full)")
#else
#define CASCADE_UNROLL _Pragma("GCC unroll 16")
#endif
