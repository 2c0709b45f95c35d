// SPDX-License-Identifier: Apache-2.0
// Abseil's hash maps when memory may run out.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

namespace cascade::model {

// Gives `map`, which is empty, room for `size` elements: adding so many then allocates nothing.
// Throws std::bad_alloc, after which `map` is as it was.
//
// An Abseil map that found no memory to grow is in a state in which it must not even be destroyed.
// Here that map is leaked instead: a few dozen bytes of a process that ends for lack of memory.
template <typename Map>
void Reserve(std::size_t size, Map& map) {
  auto roomy = std::make_unique<Map>();
  try {
    roomy->reserve(size);
  } catch (...) {
    (void)roomy.release();
    throw;
  }
  map = std::move(*roomy);
}

}  // namespace cascade::model
