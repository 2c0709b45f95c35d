// SPDX-License-Identifier: Apache-2.0
// A request that has everything, and what may be wrong with it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cascade/v1/text_generation.pb.h"

namespace cascade::testing {

// A valid request with everything in it, for the model of request_test.cc.
v1::GenerateRequest FullRequest();

// Gives the request two beams instead of sampling.
v1::BeamSearch& WithBeams(v1::GenerateRequest& request);

// A change to FullRequest() that makes one field wrong.
struct WrongField {
  std::string field;
  std::function<void(v1::GenerateRequest&)> change;
};
std::vector<WrongField> WrongFields();

}  // namespace cascade::testing
