// SPDX-License-Identifier: Apache-2.0
// The unit in which the kernels lay out what they read: 16 columns side by side.
#pragma once

#include <cstddef>

namespace cascade::model::kernels {

// Columns of one panel: one cache line of floats, one AVX-512 register, two AVX2, four NEON.
inline constexpr std::size_t kPanelColumns = 16;

}  // namespace cascade::model::kernels
