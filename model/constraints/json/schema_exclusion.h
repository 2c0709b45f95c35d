// SPDX-License-Identifier: Apache-2.0
// Tells schemas apart, for oneOf: what is written for one of its alternatives must not be valid for
// another.
#pragma once

#include <cstddef>

#include "model/constraints/json/merged_schema.h"

namespace cascade::model {

// Not sure of itself by design: an answer `true` is a proof, and `false` only means that none was
// found. What it sees are types, values of enum and const, bounds of numbers, required and
// forbidden properties, and all that of properties that are always written.
class SchemaExclusion {
 public:
  // `document` must outlive it.
  explicit SchemaExclusion(const SchemaDocument& document) : document_(document) {}

  // Whether no value that is written for `written` is valid for `valid`.
  bool Excludes(const MergedSchema& written, const MergedSchema& valid) {
    return Excludes(written, valid, 0);
  }

 private:
  bool Excludes(const MergedSchema& written, const MergedSchema& valid, std::size_t depth);
  bool ExcludesValues(const MergedSchema& written, const MergedSchema& valid) const;
  bool ExcludesObjects(const MergedSchema& written, const MergedSchema& valid, std::size_t depth);
  bool ExcludesProperty(const MergedSchema& written, const MergedSchema& valid,
                        const std::string& name, std::size_t depth);

  const SchemaDocument& document_;
};

}  // namespace cascade::model
