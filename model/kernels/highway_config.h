// SPDX-License-Identifier: Apache-2.0
// Which SIMD targets the kernels are compiled for. Private to this room; to be included before any
// header of Highway.
//
// AVX-512, AVX2 and NEON have a fused multiply-add and vectors of a size known at compile time. The
// older x86 sets have no fused multiply-add, so they could not keep the bits; SVE's vectors have no
// compile-time size, which the tiles need. The further AVX-512 sets add nothing that we use.
#pragma once

#define HWY_COMPILE_ALL_ATTAINABLE  // the scalar target too, which runs everywhere and tests the
                                    // rest
#define HWY_DISABLED_TARGETS (~(HWY_AVX3 | HWY_AVX2 | HWY_NEON | HWY_EMU128 | HWY_SCALAR))

#include "hwy/targets.h"
