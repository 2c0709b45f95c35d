// An affine map: what c_attn, c_fc and both c_proj are.
#pragma once

#include <vector>

#include "model/kernels/packed_matrix.h"

namespace cascade::model {

struct LinearWeights {
  kernels::PackedMatrix weight;  // [n_in, n_out]  Hugging Face: Conv1D.weight, in that layout
  std::vector<float> bias;       // [n_out]        Hugging Face: Conv1D.bias
};

}  // namespace cascade::model
