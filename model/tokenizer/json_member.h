// SPDX-License-Identifier: Apache-2.0
// Members of JSON values that need not be objects.
#pragma once

#include "nlohmann/json.hpp"

namespace cascade::model {

// The member `key` of an object; null where there is none, or no object.
inline const nlohmann::json& Member(const nlohmann::json& object, const char* key) {
  static const nlohmann::json null;
  if (!object.is_object()) return null;
  const auto found = object.find(key);
  return found == object.end() ? null : *found;
}

}  // namespace cascade::model
