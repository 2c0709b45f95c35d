// SPDX-License-Identifier: Apache-2.0
// The scale of each column of weights that are whole numbers. Private to this room.
#pragma once

#include <array>
#include <vector>

#include "model/executor.h"
#include "model/kernels/panel.h"
#include "model/kernels/source_matrix.h"

namespace cascade::model::kernels {

using PanelScales = std::array<float, kPanelColumns>;

// For each column of `panels`, the scale at which its weight of the largest magnitude is `largest`.
// A column whose scale would be below the smallest normal float has zero; one with a NaN or an
// infinity has NaN.
std::vector<PanelScales> FindColumnScales(const SourceMatrix& source, IndexRange panels,
                                          float largest);

}  // namespace cascade::model::kernels
