// SPDX-License-Identifier: Apache-2.0
// Whether an integer unit computes what the others do: on a CPU of a kind that no test has met, a
// unit that does not is not used. Private to this room.
#pragma once

#include "model/kernels/integer_tile.h"

namespace cascade::model::kernels {

// Runs every tile of `unit`, for each number of rows and of panels that it takes, on small and on
// the largest numbers, and compares the chains with those of the plain unit, to the bit. Less than
// a millisecond. REQUIRES: this CPU has the unit's instructions.
bool AgreesWithPlain(const IntegerUnit& unit);

}  // namespace cascade::model::kernels
