// SPDX-License-Identifier: Apache-2.0
// What cascade.v1 tells of the model.
#pragma once

#include "cascade/v1/text_generation.pb.h"

namespace cascade::server {

struct ModelInfo;

v1::GetModelResponse ToProto(const ModelInfo& info);

}  // namespace cascade::server
