// SPDX-License-Identifier: Apache-2.0
// A logarithm of our own: the same bits on every machine, which no mathematical library promises.
#pragma once

namespace cascade::model::kernels {

// log(x) for normal x > 0.  Max error: 1e-14 absolute, for results up to 100.
double Log(double x);

}  // namespace cascade::model::kernels
