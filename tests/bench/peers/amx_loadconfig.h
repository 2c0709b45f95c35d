// SPDX-License-Identifier: Apache-2.0
// Included before everything else in llama.cpp's build (race/llama_build.py).
//
// GCC before 14 tells its optimizer that _tile_loadconfig() reads 8 bytes of the 64, so that it
// throws away the stores of the others: llama.cpp's AMX kernels then die of SIGSEGV. Here the
// instruction reads what it reads.
#pragma once

#if defined(__AMX_TILE__) && defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 14
#include <immintrin.h>
#undef _tile_loadconfig
#define _tile_loadconfig(config) \
  __asm__ volatile("ldtilecfg %0" : : "m"(*(const char(*)[64])(config)))
#endif
